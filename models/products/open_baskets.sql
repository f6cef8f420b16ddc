-- What a customer has taken so far: in the target week the open baskets, in the test week, which is measured, the
-- baskets of the customer's first shopping day.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('test', 'score')

),

basket_items as (

    select * from {{ ref('fct_basket_items') }} where customer_id is not null

),

open_basket_items as (

    select * from {{ ref('fct_open_basket_items') }}

),

week_items as (

    select distinct
        prediction_weeks.prediction_week,
        prediction_weeks.week_role,
        basket_items.customer_id,
        basket_items.product_id,
        basket_items.purchased_on
    from basket_items
    inner join prediction_weeks on basket_items.week_index = prediction_weeks.prediction_week_index

),

first_day_items as (

    select *
    from week_items
    qualify rank() over (partition by prediction_week, customer_id order by purchased_on asc) = 1

),

final as (

    select prediction_week, week_role, customer_id, product_id, purchased_on as known_until
    from first_day_items
    union all
    select
        prediction_weeks.prediction_week,
        prediction_weeks.week_role,
        open_basket_items.customer_id,
        open_basket_items.product_id,
        cast(null as date) as known_until
    from open_basket_items
    inner join prediction_weeks on open_basket_items.week = prediction_weeks.prediction_week

)

select * from final
