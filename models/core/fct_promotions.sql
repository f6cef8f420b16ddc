-- Offers are the one thing that is known of the target week itself: the flyer is printed before it begins.
with

promotions as (

    select * from {{ ref('promotions') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

final as (

    select
        promotions.product_id,
        promotions.offer_type,
        promotions.week,
        weeks.week_index,
        promotions.store_share,
        promotions.offer_price
    from promotions
    inner join weeks on promotions.week = weeks.week
    where weeks.weeks_to_target <= 0

)

select * from final
