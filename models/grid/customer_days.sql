-- A basket whose lines name two days or customers is a visit on each: no line is without its day. Few baskets do so,
-- and only their lines are looked at.
with

whole_baskets as (

    select * from {{ ref('fct_baskets') }} where is_one_visit

),

split_baskets as (

    select basket_id from {{ ref('fct_baskets') }} where not is_one_visit

),

basket_items as (

    select * from {{ ref('fct_basket_items') }}

),

visits as (

    select
        customer_id,
        week_index,
        products,
        quantity,
        spend,
        purchased_on
    from whole_baskets
    union all
    select
        basket_items.customer_id,
        min(basket_items.week_index) as week_index,
        count(distinct basket_items.product_id) as products,
        sum(basket_items.quantity) as quantity,
        sum(basket_items.spend) as spend,
        basket_items.purchased_on
    from basket_items
    inner join split_baskets on basket_items.basket_id = split_baskets.basket_id
    group by basket_items.basket_id, basket_items.customer_id, basket_items.purchased_on

),

days as (

    select
        customer_id,
        purchased_on,
        min(week_index) as week_index,
        cast(count(*) as integer) as visits,
        cast(sum(products) as integer) as products,
        cast(sum(quantity) as decimal(18, 3)) as quantity,
        cast(sum(spend) as decimal(18, 2)) as spend
    from visits
    where customer_id is not null
    group by customer_id, purchased_on

),

with_previous as (

    select
        *,
        lag(purchased_on) over visits_in_order as previous_purchased_on,
        lag(week_index) over visits_in_order as previous_week_index,
        row_number() over visits_in_order as shopping_day_number
    from days
    window visits_in_order as (partition by customer_id order by purchased_on)

),

final as (

    select
        {{ surrogate_key(['customer_id']) }} as customer_key,
        customer_id,
        week_index,
        previous_week_index,
        cast(shopping_day_number as integer) as shopping_day_number,
        visits,
        products,
        quantity,
        spend,
        cast({{ days_between('previous_purchased_on', 'purchased_on') }} as integer) as gap_days,
        purchased_on
    from with_previous

)

select * from final
