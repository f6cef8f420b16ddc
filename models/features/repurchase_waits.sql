{{ config(materialized='view') }}

-- How long each purchase of the window was waited on: until the next one, or, still open, until the window's end.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

purchases as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.prediction_week_index,
        prediction_weeks.window_last_week_index,
        item_weeks.customer_key,
        item_weeks.product_key,
        item_weeks.week_index,
        row_number() over purchases_in_order as purchase_number,
        lead(item_weeks.week_index) over purchases_in_order as next_week_index
    from item_weeks
    inner join prediction_weeks on {{ in_window('item_weeks', 'prediction_weeks') }}
    window purchases_in_order as (
        partition by prediction_weeks.prediction_week, item_weeks.customer_key, item_weeks.product_key
        order by item_weeks.week_index
    )

),

final as (

    select
        prediction_week,
        customer_key,
        product_key,
        purchase_number,
        {{ purchase_band('purchase_number') }} as purchase_band,
        coalesce(next_week_index, window_last_week_index) - week_index as weeks_at_risk,
        prediction_week_index - week_index as weeks_elapsed,
        next_week_index is not null as is_repurchased
    from purchases

)

select * from final
