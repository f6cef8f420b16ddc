-- What each customer of the test week got out of a product and out of the simple rules beside it. The rules show each
-- customer as many items as the product does. The validation week chooses the fixed length and measures nothing.
{% set maximum = var('shopping_list_maximum_length') %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('validation', 'test')

),

test_week as (

    select * from prediction_weeks where week_role = 'test'

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

item_days as (

    select customer_id, product_id, week_index, purchased_on
    from {{ ref('fct_basket_items') }}
    where customer_id is not null

),

customer_outlook as (

    select * from {{ ref('customer_outlook') }}

),

listed_items as (

    select * from {{ ref('listed_items') }} where week_role in ('validation', 'test')

),

list_lengths as (

    select * from {{ ref('list_lengths') }}

),

week_offers as (

    select * from {{ ref('week_offers') }} where week_role = 'test'

),

flyer_items as (

    select * from {{ ref('flyer_items') }} where week_role = 'test'

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

bought_items as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.week_role,
        item_weeks.customer_id,
        item_weeks.product_id
    from item_weeks
    inner join prediction_weeks on item_weeks.week_index = prediction_weeks.prediction_week_index

),

-- Shopping lists: the customers who got a list and shopped.
shoppers as (

    select
        bought_items.prediction_week,
        bought_items.week_role,
        bought_items.customer_id,
        count(*) as bought_products
    from bought_items
    inner join customer_outlook
        on bought_items.prediction_week = customer_outlook.prediction_week
        and bought_items.customer_id = customer_outlook.customer_id
    group by bought_items.prediction_week, bought_items.week_role, bought_items.customer_id

),

list_f1 as (

    select
        listed_items.prediction_week,
        listed_items.week_role,
        listed_items.customer_id,
        listed_items.position,
        2e0 * sum(case when bought_items.product_id is not null then 1 else 0 end) over (
            partition by listed_items.prediction_week, listed_items.customer_id
            order by listed_items.position rows between unbounded preceding and current row
        ) / (listed_items.position + shoppers.bought_products) as f1,
        max(listed_items.position) over (
            partition by listed_items.prediction_week, listed_items.customer_id
        ) as longest
    from listed_items
    inner join shoppers
        on listed_items.prediction_week = shoppers.prediction_week
        and listed_items.customer_id = shoppers.customer_id
    left join bought_items
        on listed_items.prediction_week = bought_items.prediction_week
        and listed_items.customer_id = bought_items.customer_id
        and listed_items.product_id = bought_items.product_id

),

summed_f1 as (

    select
        position,
        sum(f1) as summed_f1
    from list_f1
    where week_role = 'validation'
    group by position

),

fixed_length as (

    select position
    from summed_f1
    qualify row_number() over (order by summed_f1 desc, position asc) = 1

),

list_choices as (

    select
        test_week.prediction_week,
        list_lengths.customer_id,
        'expected_f1_length' as model_name,
        list_lengths.list_length as chosen_length
    from list_lengths
    inner join test_week on list_lengths.prediction_week = test_week.prediction_week
    union all
    select
        test_week.prediction_week,
        customer_outlook.customer_id,
        'best_fixed_length' as model_name,
        fixed_length.position as chosen_length
    from customer_outlook
    inner join test_week on customer_outlook.prediction_week = test_week.prediction_week
    cross join fixed_length
    union all
    select
        test_week.prediction_week,
        customer_outlook.customer_id,
        'own_weekly_items' as model_name,
        greatest(least(round(customer_outlook.mean_weekly_items), {{ maximum }}), 1) as chosen_length
    from customer_outlook
    inner join test_week on customer_outlook.prediction_week = test_week.prediction_week

),

list_results as (

    select
        list_choices.prediction_week,
        'shopping_list' as protocol,
        list_choices.model_name,
        'f1' as metric,
        list_choices.customer_id,
        list_f1.f1 as metric_value,
        list_f1.position as items
    from list_choices
    inner join list_f1
        on list_choices.prediction_week = list_f1.prediction_week
        and list_choices.customer_id = list_f1.customer_id
        and list_f1.position = least(list_choices.chosen_length, list_f1.longest)

),

-- Flyers: as many of the week's most popular offers as the customer's own flyer has rows.
popular_offers as (

    select
        product_id,
        row_number() over (order by baskets_4_weeks desc, product_id asc) as position
    from week_offers
    qualify position <= {{ var('flyer_items_per_customer') }}

),

flyer_sizes as (

    select flyer_items.customer_id, count(*) as items
    from flyer_items
    inner join shoppers
        on flyer_items.prediction_week = shoppers.prediction_week and flyer_items.customer_id = shoppers.customer_id
    group by flyer_items.customer_id

),

flyer_choices as (

    select flyer_items.customer_id, 'personal_flyer' as model_name, flyer_items.product_id
    from flyer_items
    inner join flyer_sizes on flyer_items.customer_id = flyer_sizes.customer_id
    union all
    select flyer_sizes.customer_id, 'popular_offers' as model_name, popular_offers.product_id
    from flyer_sizes
    inner join popular_offers on flyer_sizes.items >= popular_offers.position

),

-- Reminders: all that a customer takes after the first shopping day, up to seven days later; of the last loaded week
-- no more than its own days are known.
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
        and item_days.purchased_on <= {{ add_days('first_days.first_day', 7) }}

),

reminder_sizes as (

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

reminder_choices as (

    select customer_id, 'due_items' as model_name, product_id from reminder_items
    union all
    select frequent_items.customer_id, 'most_frequent_items' as model_name, frequent_items.product_id
    from frequent_items
    inner join reminder_sizes
        on frequent_items.customer_id = reminder_sizes.customer_id
        and frequent_items.position <= reminder_sizes.items

),

shown_items as (

    select
        'personal_flyer' as protocol,
        flyer_choices.*,
        bought_items.product_id is not null as was_bought
    from flyer_choices
    cross join test_week
    left join bought_items
        on test_week.prediction_week = bought_items.prediction_week
        and flyer_choices.customer_id = bought_items.customer_id
        and flyer_choices.product_id = bought_items.product_id
    union all
    select
        'forgotten_items' as protocol,
        reminder_choices.*,
        later_items.product_id is not null as was_bought
    from reminder_choices
    left join later_items
        on reminder_choices.customer_id = later_items.customer_id
        and reminder_choices.product_id = later_items.product_id

),

shown_results as (

    {% for metric, value in {
        'hit_rate': 'avg(case when shown_items.was_bought then 1e0 else 0e0 end)',
        'any_hit': 'max(case when shown_items.was_bought then 1e0 else 0e0 end)',
    }.items() %}
    select
        test_week.prediction_week,
        shown_items.protocol,
        shown_items.model_name,
        '{{ metric }}' as metric,
        shown_items.customer_id,
        {{ value }} as metric_value,
        count(*) as items
    from shown_items
    cross join test_week
    group by test_week.prediction_week, shown_items.protocol, shown_items.model_name, shown_items.customer_id
    {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    select * from list_results
    union all
    select * from shown_results

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
