{{ config(materialized='view') }}

-- Which files, read by which code, the prices and the price drops of a week are made of: where either is another one
-- now, they are made again.
with

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

weeks as (

    select * from {{ ref('stg_lgsr__weeks') }}

),

files as (

    select
        weeks.week,
        weeks.week_index,
        {{ made_by_this_run('source_files.load_id') }} as load_id
    from source_files
    inner join weeks on source_files.week = weeks.week

),

final as (

    select
        week,
        week_index,
        load_id,
        md5(concat_ws(
            '/',
            {% for weeks_before in range(9) %}
            lag(load_id, {{ weeks_before }}) over files_in_order{{ "," if not loop.last }}
            {% endfor %}
        )) as window_id
    from files
    window files_in_order as (order by week_index)

)

select * from final
