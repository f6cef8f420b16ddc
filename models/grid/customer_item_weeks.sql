{{ config(materialized='per_customer_slice') }}

with

item_days as (

    select * from {{ ref('customer_item_days') }} where {{ customer_slice('customer_key') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

promotions as (

    select * from {{ ref('fct_promotions') }}

),

offers as (

    select
        product_id,
        week_index,
        {% for offer_type in offer_types() %}
        max(case when offer_type = '{{ offer_type }}' then store_share end) as {{ offer_type }}_share{{ "," if not loop.last }}
        {% endfor %}
    from promotions
    group by product_id, week_index

),

product_weeks as (

    select
        item_days.customer_key,
        item_days.item_key,
        item_days.week_index,
        cast(sum(item_days.visits) as integer) as visits,
        cast(count(*) as integer) as purchase_days,
        cast(sum(item_days.quantity) as decimal(18, 3)) as quantity,
        cast(sum(item_days.spend) as decimal(18, 2)) as spend,
        cast(sum(item_days.bought_quantity) as decimal(18, 3)) as bought_quantity,
        cast(sum(item_days.paid) as decimal(18, 2)) as paid,
        min(item_days.purchased_on) as first_purchased_on,
        max(item_days.purchased_on) as last_purchased_on
    from item_days
    where item_days.item_level = 'product'
    group by item_days.customer_key, item_days.item_key, item_days.week_index

),

final as (

    select
        customers.customer_key,
        customers.customer_id,
        products.product_key,
        products.product_id,
        weeks.week,
        product_weeks.week_index,
        product_weeks.visits,
        product_weeks.purchase_days,
        product_weeks.quantity,
        product_weeks.spend,
        product_weeks.bought_quantity,
        product_weeks.paid,
        {% for offer_type in offer_types() %}
        coalesce(offers.{{ offer_type }}_share, 0) as {{ offer_type }}_share,
        {% endfor %}
        product_weeks.first_purchased_on,
        product_weeks.last_purchased_on
    from product_weeks
    inner join customers on product_weeks.customer_key = customers.customer_key
    inner join products on product_weeks.item_key = products.product_key
    inner join weeks on product_weeks.week_index = weeks.week_index
    left join offers
        on products.product_id = offers.product_id
        and product_weeks.week_index = offers.week_index

)

select * from final
