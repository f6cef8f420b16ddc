{{ config(materialized='per_prediction_week') }}

-- How a customer shops: the shares of the kinds of baskets, stores and hours.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

baskets as (

    select * from {{ ref('fct_baskets') }} where customer_id is not null

),

classed as (

    select
        baskets.customer_id,
        baskets.basket_price_sensitivity,
        baskets.basket_size,
        baskets.basket_type,
        baskets.basket_mission,
        baskets.store_format,
        baskets.day_part,
        baskets.is_weekend,
        cast(1 as double) as visits,
        {{ exact('quantity', 'baskets.quantity') }} as quantity,
        {{ exact('spend', 'baskets.spend') }} as spend
    from baskets
    inner join prediction_week on {{ in_window('baskets') }}

),

summed as (

    select
        customer_id,
        {{ class_sums('visits') }},
        {{ class_sums('quantity') }},
        {{ class_sums('spend') }}
    from classed
    group by customer_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        summed.customer_id,
        {{ class_shares('visits') }},
        {{ class_shares('quantity') }},
        {{ class_shares('spend') }}
    from summed
    cross join prediction_week

)

select * from final
