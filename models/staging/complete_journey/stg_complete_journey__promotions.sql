-- 20.9 million rows of product, store and week become one row per product, week and kind of offer, once.
-- '0' is the file's word for "not in the mailer" and "not on display".
with

promotions as (

    select * from {{ source('complete_journey', 'promotions') }}

),

stores_of_week as (

    select
        week,
        count(distinct store_id) as stores
    from promotions
    group by week

),

-- One store lists a product several times when it has it in several places.
listings as (

    select
        week,
        product_id,
        store_id,
        bool_or(mailer_location <> '0') as is_in_mailer,
        bool_or(display_location <> '0') as is_on_display
    from promotions
    group by week, product_id, store_id

),

product_weeks as (

    select
        week,
        product_id,
        count_if(is_in_mailer) as mailer_stores,
        count_if(is_on_display) as display_stores
    from listings
    group by week, product_id

),

offers as (

    select week, product_id, 'mailer' as offer_type, mailer_stores as stores from product_weeks
    union all
    select week, product_id, 'display' as offer_type, display_stores as stores from product_weeks

),

final as (

    select
        {{ id_text('offers.product_id') }} as product_id,
        offers.offer_type,
        {{ whole_number('offers.week') }} as week,
        (offers.stores * 1.0 / stores_of_week.stores)::decimal(7, 6) as store_share,
        null::decimal(12, 2) as offer_price
    from offers
    inner join stores_of_week on offers.week = stores_of_week.week
    where offers.stores > 0 and offers.product_id is not null and {{ whole_number('offers.week') }} is not null

)

select * from final
