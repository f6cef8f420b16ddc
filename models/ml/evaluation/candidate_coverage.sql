-- Which share of the purchases that were new to the customer each source proposes, and at what cost. A candidate that
-- several sources propose counts for each of them.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'test'

),

ranking_metrics as (

    select * from {{ ref('ranking_metrics') }} where scope = 'new' and cutoff = 10 and model_name = 'popularity'

),

candidates as (

    select * from {{ ref('candidates') }} where candidate_source <> 'repeat'

),

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

new_purchases as (

    select
        prediction_weeks.prediction_week,
        count(*) as customers,
        sum(ranking_metrics.bought_products) as products
    from ranking_metrics
    inner join prediction_weeks on ranking_metrics.prediction_week = prediction_weeks.prediction_week
    group by prediction_weeks.prediction_week

),

proposed as (

    select
        candidates.*,
        evaluation_scores.was_bought
    from candidates
    inner join evaluation_scores
        on candidates.prediction_week = evaluation_scores.prediction_week
        and candidates.customer_id = evaluation_scores.customer_id
        and candidates.product_id = evaluation_scores.product_id
    inner join ranking_metrics
        on candidates.prediction_week = ranking_metrics.prediction_week
        and candidates.customer_id = ranking_metrics.customer_id

),

{% set sources = {
    'als': 'als_rank is not null', 'neighbours': 'neighbour_score > 0', 'category': 'category_rank is not null',
    'offer': 'known_offer_rank is not null', 'popularity': 'popularity_rank is not null', 'all_sources': 'true',
} %}
by_source as (

    {% for source, is_proposed in sources.items() %}
    select
        '{{ source }}' as candidate_source,
        count(*) as candidates,
        count(*) filter (where was_bought) as purchases
    from proposed
    where {{ is_proposed }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    {% set metrics = {
        'share_of_new_purchases': 'by_source.purchases * 1e0 / new_purchases.products',
        'candidates_per_customer': 'by_source.candidates * 1e0 / new_purchases.customers',
        'share_of_new_purchases_per_100_candidates':
            '100e0 * by_source.purchases / new_purchases.products'
            ~ ' / (by_source.candidates * 1e0 / new_purchases.customers)',
    } %}
    {% for metric, expression in metrics.items() %}
    select
        new_purchases.prediction_week,
        'test' as week_role,
        by_source.candidate_source as model_name,
        'candidate_coverage' as protocol,
        '{{ metric }}' as metric,
        cast({{ expression }} as double) as metric_value,
        cast(null as double) as lower_bound,
        cast(null as double) as upper_bound,
        new_purchases.customers,
        by_source.candidates as pairs
    from by_source
    cross join new_purchases
    -- A retailer without offers has no such source.
    where by_source.candidates > 0
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select * from final
