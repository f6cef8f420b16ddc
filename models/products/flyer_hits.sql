-- The flyers of the customers who shopped in the test week, beside the most popular offers: as many of them as the
-- customer's own flyer has rows.
with

test_week as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'test'

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

week_offers as (

    select * from {{ ref('week_offers') }} where week_role = 'test'

),

flyer_items as (

    select * from {{ ref('flyer_items') }} where week_role = 'test'

),

bought_items as (

    select
        test_week.prediction_week,
        item_weeks.customer_id,
        item_weeks.product_id
    from item_weeks
    inner join test_week on item_weeks.week_index = test_week.prediction_week_index

),

shoppers as (

    select distinct customer_id from bought_items

),

flyers as (

    select
        flyer_items.customer_id,
        count(*) as items
    from flyer_items
    inner join shoppers on flyer_items.customer_id = shoppers.customer_id
    group by flyer_items.customer_id

),

popular_offers as (

    select
        product_id,
        row_number() over (order by baskets_4_weeks desc, product_id asc) as position
    from week_offers
    qualify position <= {{ var('flyer_items_per_customer') }}

),

choices as (

    select flyer_items.customer_id, 'personal_flyer' as model_name, flyer_items.product_id
    from flyer_items
    inner join flyers on flyer_items.customer_id = flyers.customer_id
    union all
    select flyers.customer_id, 'popular_offers' as model_name, popular_offers.product_id
    from flyers
    inner join popular_offers on flyers.items >= popular_offers.position

),

final as (

    select
        test_week.prediction_week,
        choices.model_name,
        choices.customer_id,
        choices.product_id,
        bought_items.product_id is not null as was_bought
    from choices
    cross join test_week
    left join bought_items
        on choices.customer_id = bought_items.customer_id
        and choices.product_id = bought_items.product_id

)

select * from final
