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

earlier_prices as (

    select
        due_windows.week,
        product_prices.product_id,
        median(product_prices.median_price) as usual_price
    from due_windows
    inner join weeks on weeks.week_index between due_windows.week_index - 8 and due_windows.week_index - 1
    inner join product_prices on weeks.week = product_prices.week
    group by due_windows.week, product_prices.product_id

),

due_prices as (

    select
        due_windows.window_id,
        product_prices.week,
        product_prices.product_id,
        product_prices.lowest_price,
        earlier_prices.usual_price
    from product_prices
    inner join due_windows on product_prices.week = due_windows.week
    left join earlier_prices
        on product_prices.week = earlier_prices.week
        and product_prices.product_id = earlier_prices.product_id

),

-- Most products are nowhere cheaper than usual: their lines need not be looked at.
store_prices as (

    select
        lines.week,
        lines.product_id,
        lines.store_id,
        due_prices.usual_price,
        cast(sum(lines.spend) as double) / cast(sum(lines.quantity) as double) as price
    from lines
    inner join due_prices on lines.week = due_prices.week and lines.product_id = due_prices.product_id
    where lines.spend > 0 and due_prices.lowest_price <= 0.9 * due_prices.usual_price
    group by lines.week, lines.product_id, lines.store_id, due_prices.usual_price

),

drops as (

    select
        week,
        product_id,
        count_if(price <= 0.9 * usual_price) * 1e0 / count(*) as store_share,
        {{ in_cents('median(case when price <= 0.9 * usual_price then price end)') }} as offer_price
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
