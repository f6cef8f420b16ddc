-- depends_on: {{ ref('stg_lgsr__source_files') }}
-- Versions are found as in stg_lgsr__products. XX is the retailer's word for "cannot be classed" and stays a code;
-- null means that the retailer says nothing.
with

customer_codes as (

    select *
    from {{ source('lgsr', 'codes') }}
    where customer_id is not null

),

weekly as (

    select
        week,
        customer_id,
        lifestage,
        price_sensitivity
    from customer_codes
    qualify
        row_number() over (
            partition by customer_id, week
            order by lines desc, lifestage nulls last, price_sensitivity nulls last
        ) = 1

),

with_codes_before as (

    select
        *,
        row(lifestage, price_sensitivity) as codes,
        lag(codes) over (partition by customer_id order by week) as codes_before
    from weekly

),

final as (

    select
        customer_id,
        lifestage,
        price_sensitivity,
        null::varchar as age_band,
        null::varchar as income_band,
        null::varchar as household_size,
        null::varchar as household_composition,
        week as valid_from_week
    from with_codes_before
    where codes is distinct from codes_before

)

select * from final
