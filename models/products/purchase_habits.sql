-- What a customer usually takes of a product, from the observation window of the target week.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

item_days as (

    select * from {{ ref('customer_item_days') }} where item_level = 'product'

),

customers as (

    select * from {{ ref('dim_customers') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

window_days as (

    select
        prediction_weeks.prediction_week,
        item_days.customer_key,
        item_days.item_key,
        item_days.bought_quantity,
        item_days.purchased_on,
        {{ gap_in_window('item_days', 'prediction_weeks') }} as gap_days
    from item_days
    inner join prediction_weeks on {{ in_window('item_days', 'prediction_weeks') }}

),

habits as (

    select
        prediction_week,
        customer_key,
        item_key,
        count(*) as purchase_days,
        median(cast(bought_quantity as double)) as typical_quantity,
        cast(round(median(gap_days)) as integer) as purchase_cycle_days,
        avg(gap_days) as mean_gap_days,
        max(purchased_on) as last_purchased_on
    from window_days
    group by prediction_week, customer_key, item_key

),

final as (

    select
        habits.prediction_week,
        customers.customer_id,
        products.product_id,
        habits.purchase_days,
        habits.typical_quantity,
        habits.purchase_cycle_days,
        habits.mean_gap_days,
        habits.last_purchased_on
    from habits
    inner join customers on habits.customer_key = customers.customer_key
    inner join products on habits.item_key = products.product_key

)

select * from final
