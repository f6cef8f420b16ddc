-- The head of every model's list in the test week: the same candidates in another order for each model.
{% set longest = evaluation_cutoffs() | max %}

with

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

-- What is not at the head of the repeat or the new items is at no head: the rest is never put in order.
{% for model_name in evaluated_models() %}
{{ model_name }}_heads as (

    select
        prediction_week,
        customer_id,
        product_id,
        '{{ model_name }}' as model_name,
        candidate_source = 'repeat' as is_repeat,
        was_bought,
        {{ model_name }} as score,
        popularity,
        -- Equal scores are settled by popularity, then by id, for every model alike.
        row_number() over (
            partition by customer_id, candidate_source = 'repeat'
            order by {{ model_name }} desc nulls last, popularity desc nulls last, product_id asc
        ) as scope_rank
    from evaluation_scores
    qualify scope_rank <= {{ longest }}

),

{% endfor %}
heads as (

    {% for model_name in evaluated_models() %}
    select * from {{ model_name }}_heads
    {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    select
        prediction_week,
        customer_id,
        product_id,
        model_name,
        is_repeat,
        was_bought,
        row_number() over (
            partition by model_name, customer_id
            order by score desc nulls last, popularity desc nulls last, product_id asc
        ) as list_rank,
        scope_rank
    from heads

)

select * from final
