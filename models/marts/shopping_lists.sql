{{ config(pre_hook="{{ clear_target_week() }}", **keep_history_by('target_week')) }}

-- depends_on: {{ ref('dim_weeks') }}
-- Past target weeks stay as they were published.
with

listed_items as (

    select * from {{ ref('listed_items') }} where week_role = 'score'

),

list_lengths as (

    select * from {{ ref('list_lengths') }}

),

purchase_habits as (

    select * from {{ ref('purchase_habits') }}

),

item_reasons as (

    select * from {{ ref('item_reasons') }}

),

final as (

    select
        listed_items.prediction_week as target_week,
        listed_items.customer_id,
        cast(listed_items.position as integer) as position,
        listed_items.product_id,
        listed_items.purchase_probability,
        purchase_habits.typical_quantity,
        purchase_habits.purchase_cycle_days,
        purchase_habits.last_purchased_on,
        list_lengths.expected_list_f1,
        item_reasons.reason
    from listed_items
    inner join list_lengths
        on listed_items.prediction_week = list_lengths.prediction_week
        and listed_items.customer_id = list_lengths.customer_id
        and listed_items.position <= list_lengths.list_length
    inner join item_reasons
        on listed_items.customer_id = item_reasons.customer_id
        and listed_items.product_id = item_reasons.product_id
    left join purchase_habits
        on listed_items.customer_id = purchase_habits.customer_id
        and listed_items.product_id = purchase_habits.product_id
    where not {{ is_held_out('listed_items.customer_id') }}

)

select * from final
