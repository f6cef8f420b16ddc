-- The ranking protocol: each model orders the same candidates of each active customer who shopped in the week, and
-- is held against what the customer bought, candidate or not; over all products, repeat ones and new ones.
{% set cutoffs = [5, 10, 20] %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'test'

),

active_customers as (

    select * from {{ ref('active_customers') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

customer_candidates as (

    select
        customer_id,
        cast(count_if(was_bought and candidate_source = 'repeat') as bigint) as repeat_purchases,
        count(*) as all_candidates,
        cast(count_if(candidate_source = 'repeat') as bigint) as repeat_candidates,
        cast(count_if(candidate_source <> 'repeat') as bigint) as new_candidates
    from evaluation_scores
    group by customer_id

),

-- Every repeat purchase is a candidate; what was bought beyond them was new to the customer.
shoppers as (

    select
        prediction_weeks.prediction_week,
        item_weeks.customer_id,
        count(*) as all_products,
        max(customer_candidates.repeat_purchases) as repeat_products,
        all_products - repeat_products as new_products,
        max(customer_candidates.all_candidates) as all_candidates,
        max(customer_candidates.repeat_candidates) as repeat_candidates,
        max(customer_candidates.new_candidates) as new_candidates
    from prediction_weeks
    inner join item_weeks on prediction_weeks.prediction_week = item_weeks.week
    inner join active_customers
        on prediction_weeks.prediction_week = active_customers.prediction_week
        and item_weeks.customer_id = active_customers.customer_id
    inner join customer_candidates on item_weeks.customer_id = customer_candidates.customer_id
    group by prediction_weeks.prediction_week, item_weeks.customer_id

),

bought_products as (

    {% for scope in evaluation_scopes() %}
    select
        prediction_week,
        customer_id,
        '{{ scope }}' as scope,
        {{ scope }}_products as bought_products,
        {{ scope }}_candidates as candidates
    from shoppers
    where {{ scope }}_products > 0
    {{ "union all" if not loop.last }}
    {% endfor %}

),

lists as (

    {% for model_name in evaluated_models() %}
    select
        evaluation_scores.customer_id,
        '{{ model_name }}' as model_name,
        evaluation_scores.candidate_source = 'repeat' as is_repeat,
        evaluation_scores.was_bought,
        -- Equal scores are settled by popularity, then by id, for every model alike.
        row_number() over (
            partition by evaluation_scores.customer_id
            order by
                evaluation_scores.{{ model_name }} desc nulls last, evaluation_scores.popularity desc nulls last,
                evaluation_scores.product_id asc
        ) as list_rank,
        row_number() over (
            partition by evaluation_scores.customer_id, is_repeat
            order by
                evaluation_scores.{{ model_name }} desc nulls last, evaluation_scores.popularity desc nulls last,
                evaluation_scores.product_id asc
        ) as scope_rank
    from evaluation_scores
    inner join shoppers on evaluation_scores.customer_id = shoppers.customer_id
    qualify scope_rank <= {{ cutoffs | max }}
    {{ "union all" if not loop.last }}
    {% endfor %}

),

ranked as (

    select customer_id, model_name, 'all' as scope, was_bought, list_rank
    from lists
    where list_rank <= {{ cutoffs | max }}
    union all
    select
        customer_id,
        model_name,
        case when is_repeat then 'repeat' else 'new' end as scope,
        was_bought,
        scope_rank as list_rank
    from lists

),

hits as (

    select
        *,
        sum(case when was_bought then 1 else 0 end) over (
            partition by customer_id, model_name, scope order by list_rank
        ) as hits_so_far
    from ranked

),

-- The best DCG that a list of some length can reach when so many products were bought.
ideal_gains as (

    select
        relevant,
        sum(1 / log2(list_rank + 1)) over (order by relevant) as ideal_dcg
    from (
        select unnest(range(1, {{ cutoffs | max }} + 1)) as relevant, relevant as list_rank
    ) as ranks

),

final as (

    {% for cutoff in cutoffs %}
    select
        bought_products.prediction_week,
        hits.model_name,
        bought_products.scope,
        cast({{ cutoff }} as integer) as cutoff,
        bought_products.customer_id,
        bought_products.bought_products,
        bought_products.candidates,
        count_if(hits.was_bought) * 1.0 / max(bought_products.bought_products) as recall,
        count_if(hits.was_bought) * 1.0 / least(max(bought_products.bought_products), {{ cutoff }}) as capped_recall,
        count_if(hits.was_bought) * 1.0 / {{ cutoff }} as list_precision,
        -- Rounded, so that the order in which threads add does not show.
        round(
            sum(case when hits.was_bought then 1 / log2(hits.list_rank + 1) else 0 end) / max(ideal_gains.ideal_dcg), 9
        ) as ndcg,
        round(
            sum(case when hits.was_bought then hits.hits_so_far * 1.0 / hits.list_rank else 0 end)
            / least(max(bought_products.bought_products), {{ cutoff }}), 9
        ) as average_precision,
        max(case when hits.was_bought then 1 else 0 end) as hit
    from bought_products
    inner join hits
        on bought_products.customer_id = hits.customer_id
        and bought_products.scope = hits.scope
        and hits.list_rank <= {{ cutoff }}
    inner join ideal_gains on ideal_gains.relevant = least(bought_products.bought_products, {{ cutoff }})
    group by
        bought_products.prediction_week, hits.model_name, bought_products.scope, bought_products.customer_id,
        bought_products.bought_products, bought_products.candidates
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select * from final
