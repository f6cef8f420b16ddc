{{ config(post_hook="{{ forget_other_measurements() }}", **keep_history_by('prediction_week')) }}

-- The ranking protocol: each model orders the same candidates of each active customer who shopped in the week, and
-- is held against what the customer bought, candidate or not; over all products, repeat ones and new ones.
-- Test weeks of earlier builds are kept, to be pooled, while the code is the one that measured them, and what was
-- bought in them is what they were held against: their scores are gone, so that they cannot be measured again.
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

lists as (

    select * from {{ ref('evaluation_lists') }}

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

purchases as (

    select
        week,
        {{ purchases_fingerprint() }} as week_fingerprint
    from item_weeks
    where week in (select prediction_week from prediction_weeks)
    group by week

),

final as (

    select
        metrics.*,
        {{ run_variable('evaluation_code_version') }} as code_version,
        purchases.week_fingerprint
    from ({{ list_metrics('lists', 'bought_products') }}) as metrics
    inner join purchases on metrics.prediction_week = purchases.week

)

select * from final
