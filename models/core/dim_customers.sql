with

customer_versions as (

    select * from {{ ref('dim_customer_versions') }}

),

final as (

    select
        customer_key,
        customer_id,
        lifestage,
        price_sensitivity,
        age_band,
        income_band,
        household_size,
        household_composition
    from customer_versions
    where valid_to_week_index is null

)

select * from final
