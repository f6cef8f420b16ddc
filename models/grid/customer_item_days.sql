{{ config(materialized='per_customer_slice') }}

-- depends_on: {{ ref('dim_customers') }}
-- The same purchases seen at five levels, so that one SQL serves "this yoghurt" and "any yoghurt".
-- A purchase counts for the category in which the product stood on that day: moving a product rewrites nothing.
with

item_lines as (

    select * from {{ ref('item_lines') }} where {{ customer_slice('customer_key') }}

),

customer_days as (

    select * from {{ ref('customer_days') }} where {{ customer_slice('customer_key') }}

),

baskets as (

    {% for level in item_levels() %}
    select
        customer_key,
        {{ level }}_key as item_key,
        '{{ level }}' as item_level,
        basket_id,
        purchased_on,
        min(week_index) as week_index,
        sum(winsorized_quantity) as quantity,
        sum(winsorized_spend) as spend,
        sum(quantity) as bought_quantity,
        sum(spend) as paid
    from item_lines
    where {{ level }}_key is not null
    group by customer_key, {{ level }}_key, basket_id, purchased_on
    {{ "union all" if not loop.last }}
    {% endfor %}

),

days as (

    select
        customer_key,
        item_key,
        item_level,
        purchased_on,
        min(week_index) as week_index,
        count(*) as visits,
        sum(quantity) as quantity,
        sum(spend) as spend,
        sum(bought_quantity) as bought_quantity,
        sum(paid) as paid
    from baskets
    group by customer_key, item_key, item_level, purchased_on

),

with_neighbours as (

    select
        *,
        lag(purchased_on) over purchases as previous_purchased_on,
        lag(week_index) over purchases as previous_week_index,
        lead(week_index) over purchases as next_week_index
    from days
    window purchases as (partition by customer_key, item_key order by purchased_on)

),

final as (

    select
        with_neighbours.customer_key,
        with_neighbours.item_key,
        with_neighbours.item_level,
        with_neighbours.week_index,
        with_neighbours.previous_week_index,
        with_neighbours.next_week_index,
        customer_days.shopping_day_number,
        cast(with_neighbours.visits as integer) as visits,
        cast(with_neighbours.quantity as decimal(18, 3)) as quantity,
        cast(with_neighbours.spend as decimal(18, 2)) as spend,
        cast(with_neighbours.bought_quantity as decimal(18, 3)) as bought_quantity,
        cast(with_neighbours.paid as decimal(18, 2)) as paid,
        cast({{ days_between('with_neighbours.previous_purchased_on', 'with_neighbours.purchased_on') }} as integer) as gap_days,
        with_neighbours.purchased_on
    from with_neighbours
    inner join customer_days
        on with_neighbours.customer_key = customer_days.customer_key
        and with_neighbours.purchased_on = customer_days.purchased_on

)

select * from final
