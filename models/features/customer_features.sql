{{ config(materialized='per_prediction_week') }}

with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

customer_days as (

    select * from {{ ref('customer_days') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

days as (

    select
        customer_days.*,
        prediction_week.prediction_week_index - customer_days.week_index as weeks_ago,
        {{ gap_in_window('customer_days') }} as gap_days_in_window
    from customer_days
    inner join prediction_week on {{ in_window('customer_days') }}

),

aggregated as (

    select
        customer_id,
        {{ window_sums('visits') }},
        {{ window_sums('spend') }},
        {{ window_sums('quantity') }},
        {{ window_sums('products') }},
        {{ decayed_sums('visits') }},
        {{ week_bits('weeks_ago') }} as week_bits,
        min(weeks_ago) as last_weeks_ago,
        max(weeks_ago) as first_weeks_ago,
        count(distinct week_index) as weeks_with_visits,
        median(gap_days_in_window) as median_gap_days,
        max_by(gap_days_in_window, purchased_on) as last_gap_days,
        min(purchased_on) as first_visited_on,
        max(purchased_on) as last_visited_on
    from days
    group by customer_id

),

-- How much of what a customer buys was on offer when it was bought.
bought_on_offer as (

    select
        item_weeks.customer_id,
        {% for offer_type in offer_types() %}
        {{ mean_share('item_weeks.' ~ offer_type ~ '_share') }} as {{ offer_type }}_purchase_share{{ "," if not loop.last }}
        {% endfor %}
    from item_weeks
    inner join prediction_week on {{ in_window('item_weeks') }}
    group by item_weeks.customer_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        {{ all_but('aggregated', [
            'week_bits', 'last_weeks_ago', 'first_weeks_ago', 'weeks_with_visits', 'median_gap_days', 'last_gap_days',
            'first_visited_on', 'last_visited_on',
        ]) }},
        {{ window_ratios('visits', 'aggregated') }},
        {{ window_ratios('spend', 'aggregated') }},
        {{ window_ratios('quantity', 'aggregated') }},
        -- The mean week since the first visit, in which recent weeks weigh more.
        cast(
            aggregated.visits_decayed_8_weeks
            / (1 - power(0.5, aggregated.first_weeks_ago / 8.0)) * (1 - power(0.5, 1 / 8.0)) as float
        ) as expected_visits,
        {{ streak_weeks('aggregated.week_bits', 'aggregated.last_weeks_ago') }} as streak_weeks,
        cast(aggregated.weeks_with_visits as float) as weeks_with_visits,
        cast(aggregated.weeks_with_visits * 1.0 / aggregated.first_weeks_ago as float) as visited_week_share,
        cast(aggregated.products_52_weeks / aggregated.visits_52_weeks as float) as products_per_visit,
        cast(aggregated.spend_52_weeks / aggregated.visits_52_weeks as float) as spend_per_visit,
        {% for offer_type in offer_types() %}
        bought_on_offer.{{ offer_type }}_purchase_share,
        {% endfor %}
        cast(aggregated.median_gap_days as float) as median_gap_days,
        cast(aggregated.last_gap_days as float) as last_gap_days,
        cast({{ days_between('aggregated.first_visited_on', 'prediction_week.starts_on') }} as float)
            as days_since_first_visit,
        cast({{ days_between('aggregated.last_visited_on', 'prediction_week.starts_on') }} as float)
            as days_since_last_visit,
        cast(days_since_last_visit / nullif(aggregated.median_gap_days, 0) as float) as overdue_ratio
    from aggregated
    cross join prediction_week
    left join bought_on_offer on aggregated.customer_id = bought_on_offer.customer_id

)

select * from final
