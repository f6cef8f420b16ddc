{{ config(pre_hook="{{ clear_target_week() }}", **keep_history_by('target_week')) }}

-- depends_on: {{ ref('dim_weeks') }}
-- Past target weeks stay as they were published; only the week that is being made is replaced.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

recommended_items as (

    select * from {{ ref('recommended_items') }} where not is_held_out

),

item_reasons as (

    select * from {{ ref('item_reasons') }}

),

final as (

    select
        recommended_items.target_week,
        recommended_items.customer_id,
        recommended_items.rank,
        recommended_items.product_id,
        recommended_items.purchase_probability,
        recommended_items.candidate_source = 'repeat' as is_repeat_purchase,
        recommended_items.candidate_source,
        item_reasons.reason,
        recommended_items.model_run_id
    from recommended_items
    inner join prediction_weeks on recommended_items.target_week = prediction_weeks.prediction_week
    inner join item_reasons
        on recommended_items.customer_id = item_reasons.customer_id
        and recommended_items.product_id = item_reasons.product_id

)

select * from final
