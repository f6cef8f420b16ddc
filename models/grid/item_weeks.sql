-- Popularity and prices: here the baskets without a loyalty card count too.
with

item_lines as (

    select * from {{ ref('item_lines') }}

),

final as (

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

)

select * from final
