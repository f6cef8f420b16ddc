-- NDCG@10 by segment of customers: how long they are known, how much they put into a basket, their life stage.
with

ranking_metrics as (

    select * from {{ ref('ranking_metrics') }} where scope = 'all' and cutoff = 10

),

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'test'

),

customer_features as (

    select * from {{ ref('customer_features') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

segmented as (

    select
        prediction_weeks.prediction_week,
        customer_features.customer_id,
        case
            when customer_features.days_since_first_visit <= 91 then 'known_up_to_13_weeks'
            when customer_features.days_since_first_visit <= 182 then 'known_14_to_26_weeks'
            else 'known_over_26_weeks'
        end as history,
        case
            when customer_features.products_per_visit < 5 then 'baskets_under_5_products'
            when customer_features.products_per_visit < 15 then 'baskets_of_5_to_14_products'
            else 'baskets_of_15_products_and_more'
        end as basket,
        'lifestage_' || lower(customers.lifestage) as lifestage
    from customer_features
    inner join prediction_weeks on customer_features.prediction_week = prediction_weeks.prediction_week
    left join customers on customer_features.customer_id = customers.customer_id

),

segments as (

    {% for attribute in ['history', 'basket', 'lifestage'] %}
    select
        prediction_week,
        customer_id,
        {{ attribute }} as segment
    from segmented
    where {{ attribute }} is not null
    {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    select
        ranking_metrics.prediction_week,
        'test' as week_role,
        ranking_metrics.model_name,
        'ranking_by_segment' as protocol,
        'ndcg@10_' || segments.segment as metric,
        -- In whole numbers, which add up to the same in any order.
        sum(round(ranking_metrics.ndcg * 1e9)) / 1e9 / count(*) as metric_value,
        cast(null as double) as lower_bound,
        cast(null as double) as upper_bound,
        count(*) as customers,
        cast(sum(ranking_metrics.candidates) as bigint) as pairs
    from ranking_metrics
    inner join segments
        on ranking_metrics.prediction_week = segments.prediction_week
        and ranking_metrics.customer_id = segments.customer_id
    group by ranking_metrics.prediction_week, ranking_metrics.model_name, segments.segment

)

select * from final
