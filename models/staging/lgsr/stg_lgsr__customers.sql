with

versions as (

    {{ lgsr_versions('customer_id', ['lifestage', 'price_sensitivity']) }}

),

final as (

    select
        customer_id,
        lifestage,
        price_sensitivity,
        null::string as age_band,
        null::string as income_band,
        null::string as household_size,
        null::string as household_composition,
        valid_from_week
    from versions

)

select * from final
