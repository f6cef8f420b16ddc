-- The ranking metrics of the lists as they were published (the control group's too), of the weeks and customers that
-- the models were measured on.
with

ranking_metrics as (

    select * from {{ ref('ranking_metrics') }}

),

recommended_items as (

    select * from {{ ref('recommended_items') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }} where weeks_to_target < 0

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

lists as (

    select
        recommended_items.target_week as prediction_week,
        recommended_items.customer_id,
        'published' as model_name,
        recommended_items.candidate_source = 'repeat' as is_repeat,
        item_weeks.product_id is not null as was_bought,
        recommended_items.rank as list_rank,
        row_number() over (
            partition by
                recommended_items.target_week, recommended_items.customer_id, recommended_items.candidate_source = 'repeat'
            order by recommended_items.rank
        ) as scope_rank
    from recommended_items
    inner join weeks on recommended_items.target_week = weeks.week
    left join item_weeks
        on recommended_items.target_week = item_weeks.week
        and recommended_items.customer_id = item_weeks.customer_id
        and recommended_items.product_id = item_weeks.product_id

),

scope_hits as (

    select
        prediction_week,
        customer_id,
        case when is_repeat then 'repeat' else 'new' end as scope,
        count(*) as bought_products
    from lists
    where was_bought
    group by prediction_week, customer_id, is_repeat

),

-- A correction of the weeks before makes a product that was listed as new a repeat one, or the other way round: what
-- was bought of a scope is never less than what its list hit.
bought_products as (

    select distinct
        ranking_metrics.prediction_week,
        ranking_metrics.customer_id,
        ranking_metrics.scope,
        greatest(ranking_metrics.bought_products, coalesce(scope_hits.bought_products, 0)) as bought_products,
        ranking_metrics.candidates
    from ranking_metrics
    left join scope_hits
        on ranking_metrics.prediction_week = scope_hits.prediction_week
        and ranking_metrics.customer_id = scope_hits.customer_id
        and ranking_metrics.scope = scope_hits.scope
    where ranking_metrics.prediction_week in (select prediction_week from lists)

),

final as (

    select * from ({{ list_metrics('lists', 'bought_products') }}) as metrics

)

select * from final
