-- Each row of a personal flyer with the day its week begins.
with

personal_flyers as (

    select * from {{ ref('personal_flyers') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

final as (

    select
        concat_ws('|', cast(personal_flyers.target_week as string), personal_flyers.customer_id, personal_flyers.product_id)
            as flyer_product_id,
        personal_flyers.customer_id,
        personal_flyers.product_id,
        personal_flyers.offer_type,
        personal_flyers.purchase_probability,
        personal_flyers.saving,
        weeks.starts_on as week_starts_on
    from personal_flyers
    inner join weeks on personal_flyers.target_week = weeks.week

)

select * from final
