-- Every line of a file is loaded, rejected or a duplicate: files whose counts do not add up.
with

source_files as (

    select * from {{ ref('source_files') }}

),

loaded as (

    select
        file_name,
        count(*) as loaded
    from {{ ref('transaction_lines') }}
    group by file_name

),

rejected as (

    select
        file_name,
        count(*) as rejected
    from {{ ref('rejected_lines') }}
    group by file_name

),

accounts as (

    select
        file_name,
        coalesce(source_files.lines, 0) as lines,
        coalesce(loaded.loaded, 0) as loaded,
        coalesce(rejected.rejected, 0) as rejected,
        coalesce(source_files.duplicates, 0) as duplicates
    from source_files
    full outer join loaded using (file_name)
    full outer join rejected using (file_name)

)

select * from accounts
where lines <> loaded + rejected + duplicates
