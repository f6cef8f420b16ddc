with

versions as (

    {{ lgsr_versions('store_id', ['store_format', 'store_region']) }}

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
