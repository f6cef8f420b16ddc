{{ config(materialized='per_prediction_week') }}

with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

customer_days as (

    select * from {{ ref('customer_days') }}

),

days as (

    select
        customer_days.*,
        prediction_week.prediction_week_index - customer_days.week_index as weeks_ago,
        case
            when customer_days.previous_week_index >= prediction_week.window_first_week_index
                then customer_days.gap_days
        end as gap_days_in_window
    from customer_days
    inner join prediction_week
        on customer_days.week_index between prediction_week.window_first_week_index
        and prediction_week.window_last_week_index

),

aggregated as (

    select
        customer_id,
        {{ window_sums('visits') }},
        {{ window_sums('spend') }},
        {{ window_sums('products') }},
        {{ decayed_sums('visits') }},
        count(distinct week_index) as weeks_with_visits,
        median(gap_days_in_window) as median_gap_days,
        max_by(gap_days_in_window, purchased_on) as last_gap_days,
        min(purchased_on) as first_visited_on,
        max(purchased_on) as last_visited_on
    from days
    group by customer_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        aggregated.* exclude (first_visited_on, last_visited_on, weeks_with_visits, median_gap_days, last_gap_days),
        cast(aggregated.weeks_with_visits as float) as weeks_with_visits,
        cast(aggregated.products_52_weeks / aggregated.visits_52_weeks as float) as products_per_visit,
        cast(aggregated.median_gap_days as float) as median_gap_days,
        cast(aggregated.last_gap_days as float) as last_gap_days,
        cast({{ days_between('aggregated.first_visited_on', 'prediction_week.starts_on') }} as float)
            as days_since_first_visit,
        cast({{ days_between('aggregated.last_visited_on', 'prediction_week.starts_on') }} as float)
            as days_since_last_visit,
        cast(days_since_last_visit / nullif(aggregated.median_gap_days, 0) as float) as overdue_ratio
    from aggregated
    cross join prediction_week

)

select * from final
