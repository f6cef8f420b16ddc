{{ config(materialized='per_prediction_week') }}

with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

item_weeks as (

    select * from {{ ref('item_weeks') }}

),

item_days as (

    select * from {{ ref('customer_item_days') }}

),

weeks as (

    select
        item_weeks.*,
        prediction_week.prediction_week_index - item_weeks.week_index as weeks_ago
    from item_weeks
    inner join prediction_week on {{ in_window('item_weeks') }}

),

popularity as (

    select
        item_key,
        item_level,
        {{ window_sums('baskets', windows=[1, 4, 8, 26, 52]) }},
        {{ window_sums('quantity') }},
        {{ window_sums('spend') }},
        {{ decayed_sums('baskets') }},
        sum(case when weeks_ago in (51, 52) then baskets end) as baskets_a_year_ago,
        cast(sum(spend) as double) / nullif(cast(sum(quantity) as double), 0) as mean_unit_price,
        cast(sum(case when weeks_ago <= 4 then spend end) as double)
        / nullif(cast(sum(case when weeks_ago <= 4 then quantity end) as double), 0) as recent_unit_price
    from weeks
    group by item_key, item_level

),

window_days as (

    select
        item_days.item_key,
        {{ gap_in_window('item_days') }} as gap_days,
        coalesce(item_days.next_week_index > prediction_week.window_last_week_index, true) as is_last
    from item_days
    inner join prediction_week on {{ in_window('item_days') }}

),

-- All that follows is counted from here: neither the days of each customer nor all gaps of an item would fit into memory
-- in a large shop. A customer's first day within the window has no gap.
gap_counts as (

    select
        item_key,
        gap_days,
        count(*) as days,
        count_if(is_last) as last_days
    from window_days
    group by item_key, gap_days

),

buyers as (

    select
        item_key,
        sum(case when gap_days is null then days end) as customers,
        sum(case when gap_days is null then last_days end) as one_time_customers,
        sum(days) as purchase_days
    from gap_counts
    group by item_key

),

-- Half of the gaps are no longer than the lower of the two middle ones, and no shorter than the upper.
ordered_gaps as (

    select
        item_key,
        gap_days,
        sum(days) over (partition by item_key) as all_gaps,
        sum(days) over (partition by item_key order by gap_days asc) as gaps_up_to_here
    from gap_counts
    where gap_days is not null

),

gaps as (

    select
        item_key,
        (
            min(case when 2 * gaps_up_to_here >= all_gaps then gap_days end)
            + min(case when 2 * gaps_up_to_here > all_gaps then gap_days end)
        ) / 2e0 as median_gap_days
    from ordered_gaps
    group by item_key

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        {{ all_but('popularity', ['mean_unit_price', 'recent_unit_price', 'baskets_a_year_ago']) }},
        {{ window_ratios('baskets', 'popularity') }},
        {{ window_ratios('quantity', 'popularity') }},
        {{ window_ratios('spend', 'popularity') }},
        -- Above 1: more baskets in the last four weeks than in an average four weeks of the window, or all of a shorter one.
        cast(
            cast(popularity.baskets_4_weeks as double) / nullif(popularity.baskets_52_weeks, 0)
            * greatest(
                (prediction_week.window_last_week_index - prediction_week.window_first_week_index + 1) / 4e0, 1e0
            ) as float
        ) as trend,
        -- The same for the prediction week and the week after it, a year ago; null in a window that does not reach back.
        cast(
            case
                when prediction_week.window_last_week_index - prediction_week.window_first_week_index + 1 >= 52
                    then coalesce(cast(popularity.baskets_a_year_ago as double), 0) / nullif(popularity.baskets_52_weeks, 0) * 26
            end as float
        ) as year_ago_trend,
        cast(popularity.mean_unit_price as float) as mean_unit_price,
        cast(popularity.recent_unit_price / nullif(popularity.mean_unit_price, 0) as float) as price_change_4_weeks,
        cast(coalesce(buyers.customers, 0) as float) as customers,
        cast(buyers.one_time_customers / nullif(buyers.customers, 0) as float) as one_time_customer_share,
        cast(buyers.purchase_days / nullif(buyers.customers, 0) as float) as purchase_days_per_customer,
        cast(gaps.median_gap_days as float) as median_gap_days
    from popularity
    cross join prediction_week
    left join buyers on popularity.item_key = buyers.item_key
    left join gaps on popularity.item_key = gaps.item_key

)

select * from final
