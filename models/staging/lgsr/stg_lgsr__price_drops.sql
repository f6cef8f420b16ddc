{{
    config(
        pre_hook="{{ forget_replaced_weeks('window_id', ref('stg_lgsr__price_windows')) }}",
        **replace_by('week')
    )
}}

-- A store's price has dropped when it is at most nine tenths of what the product usually cost in the eight weeks
-- before. A week is worked out again when its own file or one of those eight weeks has changed.
with

weeks as (

    select * from {{ ref('stg_lgsr__weeks') }}

),

due_windows as (

    select * from {{ ref('stg_lgsr__price_windows') }}
    {% if is_incremental() %}
        where window_id not in (select window_id from {{ this }})
    {% endif %}

),

product_prices as (

    select * from {{ ref('stg_lgsr__product_prices') }}

),

lines as (

    select * from {{ ref('stg_lgsr__transaction_lines') }}

),

recent_prices as (

    select
        product_prices.*,
        weeks.week_index
    from product_prices
    inner join weeks on product_prices.week = weeks.week
    where weeks.week_index >= (select min(week_index) - 8 from due_windows)

),

usual_prices as (

    select
        product_id,
        week,
        lowest_price,
        {{ median_over(
            'median_price', 'partition by product_id order by week_index range between 8 preceding and 1 preceding'
        ) }} as usual_price
    from recent_prices

),

-- Doubles make 0.9 * 3.30 less than 2.97: the factor leaves room for that, and for no real price.
due_prices as (

    select
        due_windows.window_id,
        usual_prices.*,
        0.900000000001e0 * usual_prices.usual_price as highest_dropped_price
    from usual_prices
    inner join due_windows on usual_prices.week = due_windows.week

),

-- Most products are nowhere cheaper than usual: their lines need not be looked at.
store_prices as (

    select
        lines.week,
        lines.product_id,
        lines.store_id,
        due_prices.highest_dropped_price,
        cast(sum(lines.spend) as double) / cast(sum(lines.quantity) as double) as price
    from lines
    inner join due_prices on lines.week = due_prices.week and lines.product_id = due_prices.product_id
    where lines.spend > 0 and due_prices.lowest_price <= due_prices.highest_dropped_price
    group by lines.week, lines.product_id, lines.store_id, due_prices.highest_dropped_price

),

drops as (

    select
        week,
        product_id,
        count_if(price <= highest_dropped_price) * 1e0 / count(*) as store_share,
        {{ in_cents('median(case when price <= highest_dropped_price then price end)') }} as offer_price
    from store_prices
    group by week, product_id

),

final as (

    select
        due_prices.window_id,
        due_prices.week,
        due_prices.product_id,
        due_prices.usual_price,
        cast(floor(coalesce(drops.store_share, 0) * 1000000 + 0.5) / 1000000 as decimal(7, 6)) as store_share,
        drops.offer_price
    from due_prices
    left join drops on due_prices.week = drops.week and due_prices.product_id = drops.product_id

)

select * from final
