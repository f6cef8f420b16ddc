{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

-- Recommendations whose week is in, the control group's too. A week is judged once, when all of it has been loaded, and
-- never again: neither a later run nor a later correction of the data rewrites what was reported.
with

recommended_items as (

    select * from {{ ref('recommended_items') }}
    {% if is_incremental() %}
    where target_week not in (select target_week from {{ this }})
    {% endif %}

),

past_weeks as (

    select * from {{ ref('dim_weeks') }} where weeks_to_target < 0 and is_complete

),

observed_weeks as (

    select * from {{ ref('observed_weeks') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

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
        recommended_items.is_held_out,
        item_weeks.product_id is not null as was_bought,
        recommended_items.model_run_id
    from recommended_items
    inner join past_weeks on recommended_items.target_week = past_weeks.week
    -- A grid that this run did not make may lack the week, or days of it.
    inner join observed_weeks on past_weeks.week = observed_weeks.week and past_weeks.lines = observed_weeks.lines
    left join item_weeks
        on recommended_items.target_week = item_weeks.week
        and recommended_items.customer_id = item_weeks.customer_id
        and recommended_items.product_id = item_weeks.product_id

)

select * from final
