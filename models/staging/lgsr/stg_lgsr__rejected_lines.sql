{{ config(materialized='view') }}

with

rejected_lines as (

    select * from {{ source('lgsr', 'rejected_lines') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

final as (

    select
        source_files.file_name,
        rejected_lines.line_number,
        rejected_lines.raw_line,
        rejected_lines.reason
    from rejected_lines
    inner join source_files on rejected_lines.week = source_files.week

)

select * from final
