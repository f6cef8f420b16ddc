with

store_versions as (

    select * from {{ ref('dim_store_versions') }}

),

final as (

    select
        store_id,
        store_format,
        store_region
    from store_versions
    where valid_to_week_index is null

)

select * from final
