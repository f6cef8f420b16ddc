-- What a shopping list was worth to each customer of the test week who shopped: of the chosen length, of the best fixed
-- length, and as long as the customer's own weeks. The validation week chooses the fixed length and measures nothing.
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

customer_outlook as (

    select * from {{ ref('customer_outlook') }}

),

listed_items as (

    select * from {{ ref('listed_items') }}

),

list_lengths as (

    select * from {{ ref('list_lengths') }}

),

bought_items as (

    select
        prediction_weeks.prediction_week,
        item_weeks.customer_id,
        item_weeks.product_id
    from item_weeks
    inner join prediction_weeks on item_weeks.week_index = prediction_weeks.prediction_week_index

),

shoppers as (

    select
        prediction_week,
        customer_id,
        count(*) as bought_products
    from bought_items
    group by prediction_week, customer_id

),

f1_by_length as (

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

-- A list that has fewer items counts with all it has, as it does in the test week.
summed_f1 as (

    select
        position,
        -- Rounded, or the order of additions would decide between equal sums.
        round(sum(f1) + coalesce(
            sum(sum(case when position = longest then f1 else 0 end)) over (
                order by position rows between unbounded preceding and 1 preceding
            ), 0
        ), 9) as summed_f1
    from f1_by_length
    where week_role = 'validation'
    group by position

),

fixed_length as (

    select position
    from summed_f1
    qualify row_number() over (order by summed_f1 desc, position asc) = 1

),

choices as (

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

final as (

    select
        choices.prediction_week,
        choices.model_name,
        choices.customer_id,
        f1_by_length.f1,
        f1_by_length.position as items
    from choices
    inner join f1_by_length
        on choices.prediction_week = f1_by_length.prediction_week
        and choices.customer_id = f1_by_length.customer_id
        and f1_by_length.position = least(choices.chosen_length, f1_by_length.longest)

)

select * from final
