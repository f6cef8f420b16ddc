-- What each customer of the test week got out of a product and out of the simple rules beside it. The rules of flyers and
-- reminders show each customer as many items as the product does.
with

list_f1 as (

    select * from {{ ref('list_f1') }}

),

flyer_hits as (

    select * from {{ ref('flyer_hits') }}

),

reminder_hits as (

    select * from {{ ref('reminder_hits') }}

),

hits as (

    select 'personal_flyer' as protocol, * from flyer_hits
    union all
    select 'forgotten_items' as protocol, * from reminder_hits

),

shown as (

    select
        prediction_week,
        protocol,
        model_name,
        customer_id,
        avg(case when was_bought then 1e0 else 0e0 end) as hit_rate,
        max(case when was_bought then 1e0 else 0e0 end) as any_hit,
        count(*) as items
    from hits
    group by prediction_week, protocol, model_name, customer_id

),

final as (

    select prediction_week, 'shopping_list' as protocol, model_name, 'f1' as metric, customer_id, f1 as metric_value, items
    from list_f1
    {% for metric in ['hit_rate', 'any_hit'] %}
    union all
    select prediction_week, protocol, model_name, '{{ metric }}' as metric, customer_id, {{ metric }} as metric_value, items
    from shown
    {% endfor %}

)

select
    prediction_week,
    protocol,
    model_name,
    metric,
    customer_id,
    cast(metric_value as double) as metric_value,
    cast(items as integer) as items
from final
