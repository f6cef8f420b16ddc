-- Versions are found as in stg_lgsr__products. XX is the retailer's word for "cannot be classed" and stays a code;
-- null means that the retailer says nothing.
with

codes as (

    select * from {{ source('lgsr', 'codes') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

customer_codes as (

    select codes.*
    from codes
    inner join source_files on codes.week = source_files.week
    where codes.customer_id is not null

),

segments as (

    select
        customer_id,
        lifestage,
        price_sensitivity,
        min(week) as first_week,
        count(*) over (partition by customer_id) as segments_of_customer
    from customer_codes
    group by customer_id, lifestage, price_sensitivity

),

weekly_segments as (

    select
        week,
        customer_id,
        lifestage,
        price_sensitivity
    from customer_codes
    where
        customer_id in (
            select segments.customer_id
            from segments
            where segments.segments_of_customer > 1
        )
    qualify
        row_number() over (
            partition by customer_id, week
            order by lines desc, lifestage asc nulls last, price_sensitivity asc nulls last
        ) = 1

),

moves as (

    select *
    from weekly_segments
    qualify
        row(lifestage, price_sensitivity) is distinct from
        lag(row(lifestage, price_sensitivity)) over (partition by customer_id order by week)

),

versions as (

    select
        customer_id,
        lifestage,
        price_sensitivity,
        first_week as valid_from_week
    from segments
    where segments_of_customer = 1
    union all
    select
        customer_id,
        lifestage,
        price_sensitivity,
        week as valid_from_week
    from moves

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
        valid_from_week
    from versions

)

select * from final
