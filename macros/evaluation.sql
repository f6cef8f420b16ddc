{# The models that are measured side by side: the columns of ml.evaluation_scores. #}
{% macro evaluated_models() -%}
    {{ return([
        'lightgbm_lambdarank', 'lightgbm_binary', 'tifu_knn', 'decayed_frequency', 'personal_frequency', 'user_knn',
        'popularity', 'als',
    ]) }}
{%- endmacro %}


{# What of a customer's purchases a list is held against. #}
{% macro evaluation_scopes() -%}
    {{ return(['all', 'repeat', 'new']) }}
{%- endmacro %}


{# Lengths of the lists that are looked at. #}
{% macro evaluation_cutoffs() -%}
    {{ return([5, 10, 20]) }}
{%- endmacro %}


{# Ranking metrics of each customer, week, model, scope and cutoff, as a query.
   `lists` has prediction_week, customer_id, model_name, is_repeat, was_bought, list_rank and scope_rank (among the
   repeat or the new items); `bought_products` has prediction_week, customer_id, scope, bought_products and candidates.
   A list that is too short, or empty, hits nothing where it ends. #}
{% macro list_metrics(lists, bought_products) -%}
    with

    ranked as (

        select prediction_week, customer_id, model_name, 'all' as scope, was_bought, list_rank
        from {{ lists }}
        where list_rank <= {{ evaluation_cutoffs() | max }}
        union all
        select
            prediction_week,
            customer_id,
            model_name,
            case when is_repeat then 'repeat' else 'new' end as scope,
            was_bought,
            scope_rank as list_rank
        from {{ lists }}
        where scope_rank <= {{ evaluation_cutoffs() | max }}

    ),

    hits as (

        select
            *,
            sum(case when was_bought then 1 else 0 end) over (
                partition by prediction_week, customer_id, model_name, scope order by list_rank
            ) as hits_so_far
        from ranked

    ),

    models as (

        select distinct model_name from {{ lists }}

    ),

    -- The best DCG that a list of some length can reach when so many products were bought.
    ideal_gains as (

        select
            list_rank as relevant,
            sum(1 / log2(list_rank + 1)) over (order by list_rank) as ideal_dcg
        from (
            select {{ series(1, evaluation_cutoffs() | max) }} as list_rank
        ) as ranks

    )

    {% for cutoff in evaluation_cutoffs() %}
    select
        bought_products.prediction_week,
        models.model_name,
        bought_products.scope,
        cast({{ cutoff }} as integer) as cutoff,
        bought_products.customer_id,
        bought_products.bought_products,
        bought_products.candidates,
        cast(count(*) filter (where hits.was_bought) as double) / max(bought_products.bought_products) as recall,
        cast(count(*) filter (where hits.was_bought) as double) / least(max(bought_products.bought_products), {{ cutoff }}) as capped_recall,
        cast(count(*) filter (where hits.was_bought) as double) / {{ cutoff }} as list_precision,
        -- Rounded, so that the order in which threads add does not show.
        round(
            sum(case when hits.was_bought then 1 / log2(hits.list_rank + 1) else 0 end) / max(ideal_gains.ideal_dcg), 9
        ) as ndcg,
        round(
            sum(case when hits.was_bought then hits.hits_so_far * 1e0 / hits.list_rank else 0 end)
            / least(max(bought_products.bought_products), {{ cutoff }}), 9
        ) as average_precision,
        max(case when hits.was_bought then 1 else 0 end) as hit
    from {{ bought_products }} as bought_products
    cross join models
    inner join ideal_gains on ideal_gains.relevant = least(bought_products.bought_products, {{ cutoff }})
    left join hits
        on bought_products.prediction_week = hits.prediction_week
        and bought_products.customer_id = hits.customer_id
        and bought_products.scope = hits.scope
        and models.model_name = hits.model_name
        and hits.list_rank <= {{ cutoff }}
    group by
        bought_products.prediction_week, models.model_name, bought_products.scope, bought_products.customer_id,
        bought_products.bought_products, bought_products.candidates
    {{ "union all" if not loop.last }}
    {% endfor %}
{%- endmacro %}


{# Reliability, as a query: pairs in bins of equal mass by the published probability, within the groups of the columns
   `by`. A true probability is the purchase rate. `pairs` has the columns of ml.evaluation_scores. #}
{% macro reliability(pairs, bins, by=[]) -%}
    {%- set groups = ['prediction_week'] + by -%}
    with

    binned as (

        select
            *,
            ntile({{ bins }}) over (
                partition by {{ groups | join(', ') }} order by lightgbm_binary asc, customer_id asc, product_id asc
            ) as bin
        from {{ pairs }}

    )

    select
        prediction_week,
        'lightgbm_binary' as model_name,
        {% for column in by %}
        {{ column }},
        {% endfor %}
        cast(bin as integer) as bin,
        round(avg(lightgbm_binary), 12) as mean_probability,
        count_if(was_bought) * 1e0 / count(*) as purchase_rate,
        count(*) as pairs
    from binned
    group by {{ groups | join(', ') }}, bin
{%- endmacro %}
