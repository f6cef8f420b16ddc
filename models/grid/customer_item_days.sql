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

lines as (

    select
        item_lines.*,
        customer_days.shopping_day_number,
        customer_days.visits as visits_of_the_day
    from item_lines
    inner join customer_days
        on item_lines.customer_key = customer_days.customer_key
        and item_lines.purchased_on = customer_days.purchased_on

),

-- Only on a day of several baskets have they to be told apart, which costs as much as all else; few days are such.
days as (

    {% for level in item_levels() %}
    {% for visits, days in [('1', '= 1'), ('count(distinct basket_id)', '> 1')] %}
    select
        customer_key,
        {{ level }}_key as item_key,
        '{{ level }}' as item_level,
        purchased_on,
        min(week_index) as week_index,
        min(shopping_day_number) as shopping_day_number,
        {{ visits }} as visits,
        sum(winsorized_quantity) as quantity,
        sum(winsorized_spend) as spend,
        sum(quantity) as bought_quantity,
        sum(spend) as paid
    from lines
    where {{ level }}_key is not null and visits_of_the_day {{ days }}
    group by customer_key, {{ level }}_key, purchased_on
    {{ "union all" if not loop.last }}
    {% endfor %}
    {{ "union all" if not loop.last }}
    {% endfor %}

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
        customer_key,
        item_key,
        item_level,
        week_index,
        previous_week_index,
        next_week_index,
        shopping_day_number,
        cast(visits as integer) as visits,
        cast(quantity as decimal(18, 3)) as quantity,
        cast(spend as decimal(18, 2)) as spend,
        cast(bought_quantity as decimal(18, 3)) as bought_quantity,
        cast(paid as decimal(18, 2)) as paid,
        cast({{ days_between('previous_purchased_on', 'purchased_on') }} as integer) as gap_days,
        purchased_on
    from with_neighbours

)

select * from final
