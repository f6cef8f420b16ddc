{{ config(materialized='view') }}

with

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

weeks as (

    select * from {{ ref('stg_lgsr__weeks') }}

),

final as (

    select
        weeks.week,
        weeks.week_index,
        md5(concat_ws(
            '/',
            {{ run_variable('feature_code_version') }},
            {% for weeks_before in range(9) %}
            lag(source_files.load_id, {{ weeks_before }}) over files_in_order{{ "," if not loop.last }}
            {% endfor %}
        )) as window_id
    from source_files
    inner join weeks on source_files.week = weeks.week
    window files_in_order as (order by weeks.week_index)

)

select * from final
