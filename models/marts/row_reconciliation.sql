-- Every line of a file was loaded, rejected or a repetition of another: tests/assert_every_line_is_accounted_for.sql
-- stops the build where that is not so. Loaded is what staging hands on; core takes the weeks before the target week.
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

supplied_lines as (

    select * from {{ ref('stg_supplied__lines') }}

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

transaction_files as (

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

),

supplied_files as (

    select
        file_name,
        count(*) as lines,
        cast(count_if(rejection_reason is null and not is_duplicate) as bigint) as loaded,
        cast(0 as bigint) as anonymous,
        cast(count_if(rejection_reason is not null) as bigint) as rejected,
        cast(count_if(is_duplicate) as bigint) as duplicates
    from supplied_lines
    group by file_name

),

final as (

    select * from transaction_files
    union all
    select * from supplied_files

)

select * from final
