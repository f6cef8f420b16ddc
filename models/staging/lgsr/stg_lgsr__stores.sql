with

codes as (

    select * from {{ source('lgsr', 'codes') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

store_codes as (

    select codes.*
    from codes
    inner join source_files on codes.week = source_files.week
    where codes.store_id is not null

),

versions as (

    {{ lgsr_versions('store_codes', 'store_id', ['store_format', 'store_region']) }}

),

final as (

    select
        store_id,
        store_format,
        store_region,
        valid_from_week
    from versions

)

select * from final
