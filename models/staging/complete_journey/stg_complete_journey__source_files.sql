{{ config(**replace_by('file_name')) }}

-- A file whose content is unchanged, and counts the same, keeps its row, and so the time at which it was first loaded.
with

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

checked_lines as (

    select * from {{ ref('stg_complete_journey__checked_lines') }}

),

files as (

    select * from {{ source('complete_journey_files', 'transactions') }}

),

final as (

    select
        'transactions.parquet' as file_name,
        {{ sha256('files.content') }} as content_hash,
        cast(octet_length(files.content) as bigint) as bytes,
        (select count(*) from parsed_lines) as lines,
        (select count(*) from checked_lines where is_duplicate) as duplicates,
        {{ run_timestamp() }} as loaded_at
    from files

)

select * from final
{% if is_incremental() %}
    where not exists (
        select 1 from {{ this }} as stored
        where stored.content_hash = final.content_hash
            and stored.lines = final.lines
            and stored.duplicates = final.duplicates
    )
{% endif %}
