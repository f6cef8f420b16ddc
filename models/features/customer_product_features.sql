{{ config(materialized='per_prediction_week') }}

-- What only a customer and a product have together: the hazard of the next purchase after today's wait, and
-- whether something else of the subcategory has taken the product's place.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

candidates as (

    select * from {{ ref('candidates') }} where prediction_week = {{ prediction_week() }}

),

waits as (

    select * from {{ ref('repurchase_waits') }} where prediction_week = {{ prediction_week() }}

),

category_hazards as (

    select * from {{ ref('category_hazards') }} where prediction_week = {{ prediction_week() }}

),

product_features as (

    select * from {{ ref('product_features') }} where prediction_week = {{ prediction_week() }}

),

customer_item_features as (

    select * from {{ ref('customer_item_features') }} where prediction_week = {{ prediction_week() }}

),

current_waits as (

    select
        customer_key,
        product_key,
        max(purchase_band) as purchase_band,
        min(weeks_elapsed) as weeks_elapsed
    from waits
    group by customer_key, product_key

),

-- Of the customer's earlier waits for the product: how many lasted as long as today's, and how many ended then.
own_waits as (

    select
        current_waits.customer_key,
        current_waits.product_key,
        current_waits.purchase_band,
        {{ elapsed_band('current_waits.weeks_elapsed') }} as elapsed_band,
        count_if(waits.is_repurchased and waits.weeks_at_risk >= current_waits.weeks_elapsed) as waits_as_long,
        count_if(waits.is_repurchased and waits.weeks_at_risk = current_waits.weeks_elapsed) as waits_ended
    from current_waits
    inner join waits
        on current_waits.customer_key = waits.customer_key
        and current_waits.product_key = waits.product_key
    group by
        current_waits.customer_key, current_waits.product_key, current_waits.purchase_band, current_waits.weeks_elapsed

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        candidates.customer_key,
        candidates.product_key,
        category_hazards.hazard as category_hazard,
        cast(
            least(category_hazards.hazard * coalesce(product_features.repurchase_ratio, 1), 1) as float
        ) as product_hazard,
        cast(
            (own_waits.waits_ended + 4 * product_hazard) / (own_waits.waits_as_long + 4) as float
        ) as repurchase_hazard,
        cast(
            product_history.days_since_last_purchase - subcategory_history.days_since_last_purchase as float
        ) as days_replaced,
        cast(
            product_history.visits_decayed_16_weeks / nullif(subcategory_history.visits_decayed_16_weeks, 0) as float
        ) as subcategory_visit_share
    from candidates
    cross join prediction_week
    inner join own_waits
        on candidates.customer_key = own_waits.customer_key
        and candidates.product_key = own_waits.product_key
    inner join customer_item_features as product_history
        on candidates.customer_key = product_history.customer_key
        and candidates.product_key = product_history.item_key
    left join customer_item_features as subcategory_history
        on candidates.customer_key = subcategory_history.customer_key
        and candidates.subcategory_key = subcategory_history.item_key
    left join product_features on candidates.product_id = product_features.product_id
    left join category_hazards
        on candidates.category_key = category_hazards.category_key
        and own_waits.purchase_band = category_hazards.purchase_band
        and own_waits.elapsed_band = category_hazards.elapsed_band

)

select * from final
