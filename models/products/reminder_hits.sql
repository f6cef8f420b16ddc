-- The reminders of the test week, beside as many of the customer's most frequent items. Hits are what the customer takes
-- later in the week, after the first shopping day: who shops but once has none.
with

test_week as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'test'

),

item_days as (

    select customer_id, product_id, purchased_on
    from {{ ref('fct_basket_items') }}
    where customer_id is not null

),

open_baskets as (

    select * from {{ ref('open_baskets') }} where week_role = 'test'

),

reminder_items as (

    select * from {{ ref('reminder_items') }} where week_role = 'test'

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

first_days as (

    select customer_id, max(known_until) as first_day
    from open_baskets
    group by customer_id

),

later_items as (

    select distinct item_days.customer_id, item_days.product_id
    from item_days
    inner join first_days on item_days.customer_id = first_days.customer_id
    where item_days.purchased_on > first_days.first_day

),

reminders as (

    select customer_id, count(*) as items
    from reminder_items
    group by customer_id

),

frequent_items as (

    select
        candidate_scores.customer_id,
        candidate_scores.product_id,
        row_number() over (
            partition by candidate_scores.customer_id
            order by
                candidate_scores.customer_product_visits_52_weeks desc nulls last,
                candidate_scores.product_baskets_4_weeks desc nulls last,
                candidate_scores.product_id asc
        ) as position
    from candidate_scores
    inner join test_week on candidate_scores.prediction_week = test_week.prediction_week
    left join open_baskets
        on candidate_scores.customer_id = open_baskets.customer_id
        and candidate_scores.product_id = open_baskets.product_id
    where open_baskets.product_id is null
    qualify position <= {{ var('reminders_per_customer') }}

),

choices as (

    select customer_id, 'due_items' as model_name, product_id from reminder_items
    union all
    select frequent_items.customer_id, 'most_frequent_items' as model_name, frequent_items.product_id
    from frequent_items
    inner join reminders
        on frequent_items.customer_id = reminders.customer_id
        and frequent_items.position <= reminders.items

),

final as (

    select
        test_week.prediction_week,
        choices.model_name,
        choices.customer_id,
        choices.product_id,
        later_items.product_id is not null as was_bought
    from choices
    cross join test_week
    left join later_items
        on choices.customer_id = later_items.customer_id
        and choices.product_id = later_items.product_id

)

select * from final
