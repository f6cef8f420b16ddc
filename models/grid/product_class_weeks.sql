{{ config(materialized='per_week') }}

-- In what kind of basket, store and hour a product sells: here the baskets without a loyalty card count too. A basket over
-- midnight into the next week has a kind in its first week only: no week looks at another's content.
with

basket_items as (

    select * from {{ ref('fct_basket_items') }} where {{ week_slice('week_index') }}

),

observed_weeks as (

    select * from {{ ref('observed_weeks') }}

),

baskets as (

    select * from {{ ref('fct_baskets') }}

),

product_baskets as (

    select
        week_index,
        basket_id,
        product_id,
        cast(1 as double) as visits,
        sum({{ exact('quantity', 'winsorized_quantity') }}) as quantity,
        sum({{ exact('spend', 'winsorized_spend') }}) as spend
    from basket_items
    group by week_index, basket_id, product_id

),

classed as (

    select
        product_baskets.*,
        baskets.basket_price_sensitivity,
        baskets.basket_size,
        baskets.basket_type,
        baskets.basket_mission,
        baskets.store_format,
        baskets.day_part,
        baskets.is_weekend
    from product_baskets
    left join baskets
        on product_baskets.basket_id = baskets.basket_id
        and product_baskets.week_index = baskets.week_index

),

sums as (

    select
        week_index,
        product_id,
        {{ class_sums('visits') }},
        {{ class_sums('quantity') }},
        {{ class_sums('spend') }}
    from classed
    group by week_index, product_id

),

final as (

    select
        observed_weeks.build_fingerprint,
        sums.*
    from sums
    inner join observed_weeks on sums.week_index = observed_weeks.week_index

)

select * from final
