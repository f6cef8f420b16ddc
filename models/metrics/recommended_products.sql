-- Each recommendation with the day its week begins, and what came of it: what the metrics are counted from. A week that
-- is in counts the lists that were judged, which stay as they were when the week is made again.
with

recommendations as (

    select * from {{ ref('recommendations') }}

),

outcomes as (

    select * from {{ ref('recommendation_outcomes') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

listed as (

    select
        target_week,
        customer_id,
        product_id,
        candidate_source,
        rank,
        purchase_probability,
        cast(was_bought as integer) as bought,
        1 as judged,
        is_repeat_purchase
    from outcomes
    where not is_held_out
    union all
    select
        target_week,
        customer_id,
        product_id,
        candidate_source,
        rank,
        purchase_probability,
        cast(null as integer) as bought,
        0 as judged,
        is_repeat_purchase
    from recommendations
    where target_week not in (select target_week from outcomes)

),

final as (

    select
        concat_ws('|', cast(listed.target_week as string), listed.customer_id, listed.product_id) as recommendation_id,
        listed.customer_id,
        listed.product_id,
        case when listed.is_repeat_purchase then 'repeat' else 'new' end as kind_of_item,
        listed.candidate_source,
        listed.rank,
        listed.purchase_probability,
        listed.bought,
        listed.judged,
        weeks.starts_on as week_starts_on
    from listed
    inner join weeks on listed.target_week = weeks.week

)

select * from final
