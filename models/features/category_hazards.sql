{{ config(materialized='per_prediction_week') }}

-- How likely is the next purchase of a product, week by week since the last one? Estimated for each category from the
-- waits that the window shows, and shrunk to the hazard of all categories where few weeks were at risk.
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

counted_waits as (

    select
        product_items.category_key,
        waits.purchase_band,
        waits.weeks_at_risk,
        count(*) as waits,
        count_if(waits.is_repurchased) as repurchases
    from waits
    inner join product_items on waits.product_key = product_items.product_key
    where waits.weeks_at_risk > 0
    group by product_items.category_key, waits.purchase_band, waits.weeks_at_risk

),

elapsed_bands as (

    {{ elapsed_bands_rows() }}

),

exposures as (

    select
        counted_waits.category_key,
        counted_waits.purchase_band,
        elapsed_bands.first_week as elapsed_band,
        sum(
            counted_waits.waits
            * (least(counted_waits.weeks_at_risk, elapsed_bands.last_week) - elapsed_bands.first_week + 1)
        ) as weeks_at_risk,
        sum(
            case when counted_waits.weeks_at_risk <= elapsed_bands.last_week then counted_waits.repurchases else 0 end
        ) as repurchases
    from counted_waits
    inner join elapsed_bands on counted_waits.weeks_at_risk >= elapsed_bands.first_week
    group by counted_waits.category_key, counted_waits.purchase_band, elapsed_bands.first_week

),

all_categories as (

    select
        purchase_band,
        elapsed_band,
        sum(repurchases) / sum(weeks_at_risk) as hazard
    from exposures
    group by purchase_band, elapsed_band

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        exposures.category_key,
        exposures.purchase_band,
        exposures.elapsed_band,
        cast(exposures.weeks_at_risk as bigint) as weeks_at_risk,
        cast(exposures.repurchases as bigint) as repurchases,
        cast(
            (exposures.repurchases + {{ hazard_prior_weeks() }} * all_categories.hazard)
            / (exposures.weeks_at_risk + {{ hazard_prior_weeks() }}) as float
        ) as hazard
    from exposures
    cross join prediction_week
    inner join all_categories
        on exposures.purchase_band = all_categories.purchase_band
        and exposures.elapsed_band = all_categories.elapsed_band

)

select * from final
