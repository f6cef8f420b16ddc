-- Every line of a file was loaded, rejected or a repetition of another: tests/assert_every_line_is_accounted_for.sql
-- stops the build where that is not so.
with

source_files as (

    select * from {{ ref('source_files') }}

),

transaction_lines as (

    select * from {{ ref('transaction_lines') }}

),

rejected_lines as (

    select * from {{ ref('rejected_lines') }}

),

loaded as (

    select
        file_name,
        count(*) as lines,
        count_if(customer_id is null) as anonymous_lines
    from transaction_lines
    group by file_name

),

rejected as (

    select
        file_name,
        count(*) as lines
    from rejected_lines
    group by file_name

),

final as (

    select
        source_files.file_name,
        source_files.lines,
        cast(coalesce(loaded.lines, 0) as bigint) as loaded,
        cast(coalesce(loaded.anonymous_lines, 0) as bigint) as anonymous,
        cast(coalesce(rejected.lines, 0) as bigint) as rejected,
        source_files.duplicates
    from source_files
    left join loaded on source_files.file_name = loaded.file_name
    left join rejected on source_files.file_name = rejected.file_name

)

select * from final
