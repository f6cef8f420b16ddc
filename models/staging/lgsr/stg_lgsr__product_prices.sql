{{
    config(
        pre_hook="{{ forget_replaced_weeks('load_id', ref('stg_lgsr__price_windows')) }}",
        **replace_by('week')
    )
}}

-- What a product usually costs changes only with the week's file, so only new and changed files are looked at.
-- Goods given away have no price. Lines without a customer count as any other.
with

due_files as (

    select * from {{ ref('stg_lgsr__price_windows') }}
    {% if is_incremental() %}
        where load_id not in (select load_id from {{ this }})
    {% endif %}

),

lines as (

    select * from {{ source('lgsr', 'lines') }}

),

-- A shop asks few prices for a product in a week; its lines themselves would not fit into memory.
price_counts as (

    select
        due_files.load_id,
        lines.week,
        lines.product_id,
        cast(lines.spend as double) / cast(lines.quantity as double) as price,
        count(*) as price_lines
    from lines
    inner join due_files on lines.week = due_files.week
    where lines.spend > 0
    group by due_files.load_id, lines.week, lines.product_id, price

),

-- Half of the lines cost no more than the lower of the two middle prices, and no less than the upper.
ordered_prices as (

    select
        *,
        sum(price_lines) over (partition by week, product_id) as all_lines,
        sum(price_lines) over (partition by week, product_id order by price asc) as lines_up_to_here
    from price_counts

),

final as (

    select
        load_id,
        week,
        product_id,
        (
            min(case when 2 * lines_up_to_here >= all_lines then price end)
            + min(case when 2 * lines_up_to_here > all_lines then price end)
        ) / 2e0 as median_price,
        min(price) as lowest_price
    from ordered_prices
    group by load_id, week, product_id

)

select * from final
