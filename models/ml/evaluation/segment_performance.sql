-- NDCG@10 by segment of customers.
with

ranking_metrics as (

    select * from {{ ref('ranking_metrics') }} where scope = 'all' and cutoff = 10

),

segments as (

    select * from {{ ref('customer_segments') }}

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
