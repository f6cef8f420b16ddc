{{ config(materialized='per_week') }}

-- Popularity and prices: here the baskets without a loyalty card count too.
with

item_lines as (

    select * from {{ ref('item_lines') }} where {{ week_slice('week_index') }}

),

observed_weeks as (

    select * from {{ ref('observed_weeks') }}

),

items as (

    {% for level in item_levels() %}
    select
        {{ level }}_key as item_key,
        '{{ level }}' as item_level,
        week_index,
        cast(count(distinct basket_id) as integer) as baskets,
        cast(sum(quantity) as decimal(18, 3)) as quantity,
        cast(sum(spend) as decimal(18, 2)) as spend
    from item_lines
    where {{ level }}_key is not null
    group by {{ level }}_key, week_index
    {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    select
        items.week_index,
        observed_weeks.build_fingerprint,
        items.item_key,
        items.item_level,
        items.baskets,
        items.quantity,
        items.spend
    from items
    inner join observed_weeks on items.week_index = observed_weeks.week_index

)

select * from final
