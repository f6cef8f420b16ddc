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
        md5(
            string_agg(source_files.load_id, '/')
                over (order by weeks.week_index rows between 8 preceding and current row)
        ) as window_id
    from source_files
    inner join weeks on source_files.week = weeks.week

)

select * from final
