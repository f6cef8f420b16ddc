-- What the choice of a list's length needs to know beside the probabilities: how probably the customer shops at all,
-- and how many products a shopping week of theirs has, candidates or not.
{% set recent_weeks = var('active_weeks') %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('test', 'score')

),

active_customers as (

    select * from {{ ref('active_customers') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

weekly_items as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.window_last_week_index - prediction_weeks.window_first_week_index + 1 as window_weeks,
        prediction_weeks.prediction_week_index - item_weeks.week_index as weeks_ago,
        item_weeks.customer_id,
        count(*) as items
    from item_weeks
    inner join prediction_weeks on {{ in_window('item_weeks', 'prediction_weeks') }}
    group by
        prediction_weeks.prediction_week, prediction_weeks.prediction_week_index,
        prediction_weeks.window_first_week_index, prediction_weeks.window_last_week_index,
        item_weeks.customer_id, item_weeks.week_index

),

final as (

    select
        weekly_items.prediction_week,
        weekly_items.customer_id,
        sum(weekly_items.items) * 1e0 / count(*) as mean_weekly_items,
        -- Half of what the last weeks say, half of what the whole window says.
        0.5e0 * count_if(weekly_items.weeks_ago <= {{ recent_weeks }})
        / least(max(weekly_items.window_weeks), {{ recent_weeks }})
        + 0.5e0 * count(*) / max(weekly_items.window_weeks) as shopping_probability
    from weekly_items
    inner join active_customers
        on weekly_items.prediction_week = active_customers.prediction_week
        and weekly_items.customer_id = active_customers.customer_id
    group by weekly_items.prediction_week, weekly_items.customer_id

)

select * from final
