-- Each recommendation with the day its week begins, and what came of it: what the metrics are counted from.
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

final as (

    select
        concat_ws('|', cast(recommendations.target_week as string), recommendations.customer_id, recommendations.product_id)
            as recommendation_id,
        recommendations.customer_id,
        recommendations.product_id,
        case when recommendations.is_repeat_purchase then 'repeat' else 'new' end as kind_of_item,
        recommendations.candidate_source,
        recommendations.rank,
        recommendations.purchase_probability,
        cast(outcomes.was_bought as integer) as bought,
        case when outcomes.product_id is not null then 1 else 0 end as judged,
        weeks.starts_on as week_starts_on
    from recommendations
    inner join weeks on recommendations.target_week = weeks.week
    left join outcomes
        on recommendations.target_week = outcomes.target_week
        and recommendations.customer_id = outcomes.customer_id
        and recommendations.product_id = outcomes.product_id

)

select * from final
