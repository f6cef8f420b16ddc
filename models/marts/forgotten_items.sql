{{ config(pre_hook="{{ clear_target_week() }}", **keep_history_by('target_week')) }}

-- depends_on: {{ ref('dim_weeks') }}
-- The only product that knows of the target week itself: the baskets so far. Past target weeks stay as they were.
with

reminder_items as (

    select * from {{ ref('reminder_items') }} where week_role = 'score'

),

purchase_habits as (

    select * from {{ ref('purchase_habits') }}

),

item_reasons as (

    select * from {{ ref('item_reasons') }}

),

final as (

    select
        reminder_items.prediction_week as target_week,
        reminder_items.customer_id,
        cast(reminder_items.position as integer) as position,
        reminder_items.product_id,
        reminder_items.purchase_probability,
        purchase_habits.last_purchased_on,
        purchase_habits.purchase_cycle_days,
        item_reasons.reason
    from reminder_items
    inner join purchase_habits
        on reminder_items.customer_id = purchase_habits.customer_id
        and reminder_items.product_id = purchase_habits.product_id
    inner join item_reasons
        on reminder_items.customer_id = item_reasons.customer_id
        and reminder_items.product_id = item_reasons.product_id
    where not {{ is_held_out('reminder_items.customer_id') }}

)

select * from final
