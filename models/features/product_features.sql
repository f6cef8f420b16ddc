{{ config(materialized='per_prediction_week') }}

-- What is known of a product alone: whether it is bought again more often than its category would let expect, as a
-- standardized ratio (observed over expected repurchases; two expected ones more draw it to 1 where little is known).
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

waits as (

    select * from {{ ref('repurchase_waits') }} where prediction_week = {{ prediction_week() }}

),

product_items as (

    select * from {{ ref('product_items') }} where prediction_week = {{ prediction_week() }}

),

category_hazards as (

    select * from {{ ref('category_hazards') }} where prediction_week = {{ prediction_week() }}

),

elapsed_bands as (

    {{ elapsed_bands_rows() }}

),

counted_waits as (

    select
        product_items.product_id,
        product_items.category_key,
        waits.purchase_band,
        waits.weeks_at_risk,
        count(*) as waits,
        count_if(waits.is_repurchased) as repurchases
    from waits
    inner join product_items on waits.product_key = product_items.product_key
    where waits.weeks_at_risk > 0
    group by product_items.product_id, product_items.category_key, waits.purchase_band, waits.weeks_at_risk

),

kinds_of_wait as (

    select distinct
        category_key,
        purchase_band,
        weeks_at_risk
    from counted_waits

),

-- The cumulative hazard: what a wait of this length would bring in the category.
expected_repurchases as (

    select
        kinds_of_wait.category_key,
        kinds_of_wait.purchase_band,
        kinds_of_wait.weeks_at_risk,
        cast(sum(round(
            1048576 * category_hazards.hazard
            * (least(kinds_of_wait.weeks_at_risk, elapsed_bands.last_week) - elapsed_bands.first_week + 1)
        )) as double) / 1048576 as repurchases
    from kinds_of_wait
    inner join elapsed_bands on kinds_of_wait.weeks_at_risk >= elapsed_bands.first_week
    inner join category_hazards
        on kinds_of_wait.category_key = category_hazards.category_key
        and kinds_of_wait.purchase_band = category_hazards.purchase_band
        and elapsed_bands.first_week = category_hazards.elapsed_band
    group by kinds_of_wait.category_key, kinds_of_wait.purchase_band, kinds_of_wait.weeks_at_risk

),

repurchases as (

    select
        counted_waits.product_id,
        sum(counted_waits.repurchases) as observed,
        -- Rounded, so that the sum does not depend on the order in which threads add.
        sum(round(counted_waits.waits * expected_repurchases.repurchases * 1024)) / 1024 as expected
    from counted_waits
    inner join expected_repurchases
        on counted_waits.category_key = expected_repurchases.category_key
        and counted_waits.purchase_band = expected_repurchases.purchase_band
        and counted_waits.weeks_at_risk = expected_repurchases.weeks_at_risk
    group by counted_waits.product_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        repurchases.product_id,
        cast((repurchases.observed + 2) / (repurchases.expected + 2) as float) as repurchase_ratio
    from repurchases
    cross join prediction_week

)

select * from final
