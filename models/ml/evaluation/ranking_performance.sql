-- The ranking protocol: each model orders the same candidates of each active customer who shopped in the week, and
-- is held against all that the customer bought, candidate or not.
{% set cutoffs = [10, 20] %}

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

shoppers as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.week_role,
        item_weeks.customer_id,
        count(*) as bought_products
    from prediction_weeks
    inner join item_weeks on prediction_weeks.prediction_week = item_weeks.week
    inner join active_customers
        on prediction_weeks.prediction_week = active_customers.prediction_week
        and item_weeks.customer_id = active_customers.customer_id
    group by prediction_weeks.prediction_week, prediction_weeks.week_role, item_weeks.customer_id

),

top_lists as (

    {% for model_name in evaluated_models() %}
    select
        prediction_week,
        customer_id,
        '{{ model_name }}' as model_name,
        was_bought,
        -- Equal scores are settled by popularity, then by id, for every model alike.
        row_number() over (
            partition by prediction_week, customer_id
            order by {{ model_name }} desc nulls last, popularity desc nulls last, product_id asc
        ) as list_rank
    from evaluation_scores
    qualify list_rank <= {{ cutoffs | max }}
    {{ "union all" if not loop.last }}
    {% endfor %}

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

customer_metrics as (

    {% for cutoff in cutoffs %}
    select
        shoppers.prediction_week,
        shoppers.week_role,
        top_lists.model_name,
        {{ cutoff }} as cutoff,
        shoppers.customer_id,
        count_if(top_lists.was_bought) * 1.0 / max(shoppers.bought_products) as recall,
        count_if(top_lists.was_bought) * 1.0 / {{ cutoff }} as list_precision,
        sum(case when top_lists.was_bought then 1 / log2(top_lists.list_rank + 1) else 0 end)
        / max(ideal_gains.ideal_dcg) as ndcg,
        max(case when top_lists.was_bought then 1 else 0 end) as hit
    from shoppers
    inner join top_lists
        on shoppers.prediction_week = top_lists.prediction_week
        and shoppers.customer_id = top_lists.customer_id
        and top_lists.list_rank <= {{ cutoff }}
    inner join ideal_gains on ideal_gains.relevant = least(shoppers.bought_products, {{ cutoff }})
    group by shoppers.prediction_week, shoppers.week_role, top_lists.model_name, shoppers.customer_id
    {{ "union all" if not loop.last }}
    {% endfor %}

),

means as (

    {% for metric, column in {'recall': 'recall', 'precision': 'list_precision', 'ndcg': 'ndcg', 'hit': 'hit'}.items() %}
    select
        prediction_week,
        week_role,
        model_name,
        '{{ metric }}@' || cutoff as metric,
        round(avg({{ column }}), 12) as metric_value,
        count(*) as customers
    from customer_metrics
    group by prediction_week, week_role, model_name, cutoff
    {{ "union all" if not loop.last }}
    {% endfor %}

),

pairs as (

    select
        prediction_week,
        count(*) as pairs
    from evaluation_scores
    group by prediction_week

),

final as (

    select
        means.prediction_week,
        means.week_role,
        means.model_name,
        'ranking' as protocol,
        means.metric,
        means.metric_value,
        means.customers,
        pairs.pairs
    from means
    inner join pairs on means.prediction_week = pairs.prediction_week

)

select * from final
