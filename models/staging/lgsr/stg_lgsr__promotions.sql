{{ config(materialized='view') }}

-- The retailer publishes no flyer. A price that dropped in one week is the offer of the next: what is known on the eve
-- of a week is what was seen before it.
with

price_drops as (

    select * from {{ ref('stg_lgsr__price_drops') }}

),

weeks as (

    select * from {{ ref('stg_lgsr__weeks') }}

),

final as (

    select
        price_drops.product_id,
        'price_drop' as offer_type,
        offer_weeks.week,
        price_drops.store_share,
        price_drops.offer_price
    from price_drops
    inner join weeks as drop_weeks on price_drops.week = drop_weeks.week
    inner join weeks as offer_weeks on drop_weeks.week_index + 1 = offer_weeks.week_index
    where price_drops.store_share > 0

)

select * from final
