{{ config(materialized='per_prediction_week') }}

with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

candidates as (

    select * from {{ ref('candidates') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice('customer_key') }}

),

item_days as (

    select * from {{ ref('customer_item_days') }} where {{ customer_slice('customer_key') }}

),

customer_days as (

    select * from {{ ref('customer_days') }} where {{ customer_slice('customer_key') }}

),

item_features as (

    select * from {{ ref('item_features') }} where prediction_week = {{ prediction_week() }}

),

shopping_days as (

    select
        customer_days.customer_key,
        max(customer_days.shopping_day_number) as shopping_days,
        sum(case when customer_days.week_index >= prediction_week.window_first_week_index then customer_days.visits end)
            as window_visits,
        sum(case when customer_days.week_index >= prediction_week.window_first_week_index then customer_days.spend end)
            as window_spend
    from customer_days
    inner join prediction_week on customer_days.week_index <= prediction_week.window_last_week_index
    group by customer_days.customer_key

),

needed_items as (

    {% for level in item_levels() %}
    select distinct customer_key, {{ level }}_key as item_key from candidates
    {{ "union all" if not loop.last }}
    {% endfor %}

),

days as (

    select
        item_days.*,
        prediction_week.prediction_week_index - item_days.week_index as weeks_ago,
        {{ gap_in_window('item_days') }} as gap_days_in_window,
        -- All that is asked of a later purchase is whether it lies within the window.
        coalesce(item_days.next_week_index > prediction_week.window_last_week_index, true) as is_last,
        shopping_days.shopping_days - item_days.shopping_day_number as shopping_days_ago
    from item_days
    inner join shopping_days on item_days.customer_key = shopping_days.customer_key
    inner join prediction_week on {{ in_window('item_days') }}
    inner join needed_items
        on item_days.customer_key = needed_items.customer_key and item_days.item_key = needed_items.item_key

),

aggregated as (

    select
        customer_key,
        item_key,
        item_level,
        {{ window_sums('visits') }},
        {{ window_sums('quantity') }},
        {{ window_sums('spend') }},
        {{ decayed_sums('visits') }},
        {% for shopping_days in [5, 10] %}
        cast(count_if(shopping_days_ago < {{ shopping_days }}) as float)
            as purchases_of_last_{{ shopping_days }}_shopping_days,
        {% endfor %}
        cast(min(shopping_days_ago) as float) as shopping_days_since_last_purchase,
        cast(count(*) * 1.0 / (max(shopping_days_ago) + 1) as float) as shopping_day_share,
        {{ week_bits('weeks_ago') }} as week_bits,
        min(weeks_ago) as last_weeks_ago,
        max(weeks_ago) as first_weeks_ago,
        cast(sum(case when weeks_ago in (51, 52) then visits else 0 end) as float) as visits_a_year_ago,
        count(gap_days_in_window) as gaps,
        sum(cast(gap_days_in_window as double)) as summed_gap_days,
        sum(cast(gap_days_in_window as double) * gap_days_in_window) as summed_squared_gap_days,
        median(gap_days_in_window) as median_gap_days,
        max(case when is_last then gap_days_in_window end) as last_gap_days,
        min(purchased_on) as first_purchased_on,
        max(purchased_on) as last_purchased_on
    from days
    group by customer_key, item_key, item_level

),

cycles as (

    select
        aggregated.*,
        bit_count(week_bits) as weeks_bought,
        summed_gap_days / nullif(gaps, 0) as mean_gap_days,
        {{ days_between('last_purchased_on', 'prediction_week.starts_on') }} as days_since_last_purchase,
        -- Few gaps say little about their spread: half the mean is added with the weight of one gap.
        sqrt(
            greatest(summed_squared_gap_days / nullif(gaps, 0) - mean_gap_days * mean_gap_days, 0)
            + mean_gap_days * mean_gap_days / (4.0 * nullif(gaps, 0))
        ) as spread_gap_days
    from aggregated
    cross join prediction_week

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        {{ all_but('cycles', [
            'week_bits', 'last_weeks_ago', 'first_weeks_ago', 'weeks_bought', 'gaps', 'summed_gap_days',
            'summed_squared_gap_days', 'mean_gap_days', 'median_gap_days', 'last_gap_days', 'spread_gap_days',
            'days_since_last_purchase', 'first_purchased_on', 'last_purchased_on',
        ]) }},
        {{ window_ratios('visits', 'cycles') }},
        {{ window_ratios('quantity', 'cycles') }},
        {{ window_ratios('spend', 'cycles') }},
        cast(cycles.visits_52_weeks / shopping_days.window_visits as float) as basket_share,
        cast(cycles.spend_52_weeks / nullif(cast(shopping_days.window_spend as double), 0) as float) as spend_share,
        cast(cycles.weeks_bought as float) as weeks_bought,
        cast(cycles.weeks_bought * 1.0 / cycles.first_weeks_ago as float) as bought_week_share,
        {{ streak_weeks('cycles.week_bits', 'cycles.last_weeks_ago') }} as streak_weeks,
        cast(cycles.median_gap_days as float) as median_gap_days,
        cast(cycles.mean_gap_days as float) as mean_gap_days,
        cast(cycles.last_gap_days as float) as last_gap_days,
        cast({{ days_between('cycles.first_purchased_on', 'prediction_week.starts_on') }} as float)
            as days_since_first_purchase,
        cast(cycles.days_since_last_purchase as float) as days_since_last_purchase,
        cast(cycles.days_since_last_purchase / nullif(cycles.median_gap_days, 0) as float) as overdue_ratio,
        cast(cycles.days_since_last_purchase / nullif(cycles.last_gap_days, 0) as float) as last_gap_overdue_ratio,
        cast(cycles.days_since_last_purchase / nullif(item_features.median_gap_days, 0) as float) as item_overdue_ratio,
        cast(
            cycles.shopping_days_since_last_purchase * cycles.shopping_day_share as float
        ) as shopping_days_overdue_ratio,
        cast((cycles.days_since_last_purchase - cycles.mean_gap_days) / nullif(cycles.spread_gap_days, 0) as float)
            as overdue_zscore
    from cycles
    cross join prediction_week
    inner join shopping_days on cycles.customer_key = shopping_days.customer_key
    left join item_features on cycles.item_key = item_features.item_key

)

select * from final
