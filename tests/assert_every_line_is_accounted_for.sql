-- Every line of a file is loaded, rejected or a duplicate: files whose counts do not add up. Supplied files are counted
-- as they were read, before their lines meet products, customers and weeks.
with

supplied_lines as (

    select * from {{ ref('stg_supplied__lines') }}

),

source_files as (

    select
        file_name,
        lines,
        duplicates
    from {{ ref('source_files') }}
    union all
    select
        file_name,
        count(*) as lines,
        count_if(is_duplicate) as duplicates
    from {{ ref('stg_supplied__offer_lines') }}
    group by file_name
    union all
    select
        file_name,
        count(*) as lines,
        count_if(is_duplicate) as duplicates
    from {{ ref('stg_supplied__open_basket_lines') }}
    group by file_name

),

loaded as (

    select
        file_name,
        count(*) as loaded
    from {{ ref('transaction_lines') }}
    group by file_name
    union all
    select
        file_name,
        count(*) as loaded
    from supplied_lines
    where rejection_reason is null and not is_duplicate
    group by file_name

),

rejected as (

    select
        file_name,
        count(*) as rejected
    from {{ ref('rejected_lines') }}
    group by file_name
    union all
    select
        file_name,
        count(*) as rejected
    from supplied_lines
    where rejection_reason is not null
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
