{{ config(materialized='per_prediction_week') }}

-- What only a customer and a product have together: the hazard of the next purchase after today's wait, whether
-- something else of the subcategory has taken the product's place, its rank among the customer's products, and what
-- offers and prices had to do with it.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

candidates as (

    select * from {{ ref('candidates') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice('customer_key') }}

),

waits as (

    select * from {{ ref('repurchase_waits') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice('customer_key') }}

),

category_hazards as (

    select * from {{ ref('category_hazards') }} where prediction_week = {{ prediction_week() }}

),

product_features as (

    select * from {{ ref('product_features') }} where prediction_week = {{ prediction_week() }}

),

product_history as (

    select * from {{ ref('customer_item_features') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice('customer_key') }} and item_level = 'product'

),

subcategory_history as (

    select * from {{ ref('customer_item_features') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice('customer_key') }} and item_level = 'subcategory'

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }} where {{ customer_slice('customer_key') }}

),

item_features as (

    select * from {{ ref('item_features') }} where prediction_week = {{ prediction_week() }} and item_level = 'product'

),

-- Every product of the customer, candidate or not, so that ranks mean the same in weeks that are sampled.
purchases as (

    select
        item_weeks.customer_key,
        item_weeks.product_key,
        -- Not winsorized: what is left of a dear or a large line is no price.
        cast(sum(item_weeks.paid) as double) / nullif(cast(sum(item_weeks.bought_quantity) as double), 0) as own_unit_price,
        {% for offer_type in offer_types() %}
        {{ mean_share('item_weeks.' ~ offer_type ~ '_share') }} as {{ offer_type }}_purchase_share,
        {% endfor %}
        sum(item_weeks.visits * round(
            power(0.5, (prediction_week.prediction_week_index - item_weeks.week_index - 1) / 16.0) * 1048576
        )) as decayed_visits
    from item_weeks
    inner join prediction_week on {{ in_window('item_weeks') }}
    group by item_weeks.customer_key, item_weeks.product_key

),

ranked_purchases as (

    select
        *,
        rank() over (partition by customer_key order by decayed_visits desc) as visit_rank,
        count(*) over (partition by customer_key) as products
    from purchases

),

current_waits as (

    select
        customer_key,
        product_key,
        purchase_band,
        weeks_elapsed
    from waits
    where not is_repurchased

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
        -- `least` passes over nulls: without a hazard it would say that the purchase is certain.
        cast(
            case
                when category_hazards.hazard is not null
                    then least(category_hazards.hazard * coalesce(product_features.repurchase_ratio, 1), 1)
            end as float
        ) as product_hazard,
        cast(
            (own_waits.waits_ended + 4 * product_hazard) / (own_waits.waits_as_long + 4) as float
        ) as repurchase_hazard,
        -- A product that has moved brings along what the subcategory's history does not have.
        cast(
            case
                when subcategory_history.days_since_last_purchase > product_history.days_since_last_purchase then 0
                else product_history.days_since_last_purchase - subcategory_history.days_since_last_purchase
            end as float
        ) as days_replaced,
        cast(
            case
                when subcategory_history.visits_decayed_16_weeks < product_history.visits_decayed_16_weeks then 1
                else product_history.visits_decayed_16_weeks / nullif(subcategory_history.visits_decayed_16_weeks, 0)
            end as float
        ) as subcategory_visit_share,
        cast(ranked_purchases.visit_rank as float) as visit_rank,
        cast(ranked_purchases.visit_rank * 1.0 / ranked_purchases.products as float) as visit_rank_share,
        {% for offer_type in offer_types() %}
        ranked_purchases.{{ offer_type }}_purchase_share,
        {% endfor %}
        cast(
            cast(item_features.price_change_4_weeks as double) * item_features.mean_unit_price
            / nullif(ranked_purchases.own_unit_price, 0) as float
        ) as price_to_own_usual
    from candidates
    cross join prediction_week
    inner join own_waits
        on candidates.customer_key = own_waits.customer_key
        and candidates.product_key = own_waits.product_key
    inner join product_history
        on candidates.customer_key = product_history.customer_key
        and candidates.product_key = product_history.item_key
    left join subcategory_history
        on candidates.customer_key = subcategory_history.customer_key
        and candidates.subcategory_key = subcategory_history.item_key
    inner join ranked_purchases
        on candidates.customer_key = ranked_purchases.customer_key
        and candidates.product_key = ranked_purchases.product_key
    left join item_features on candidates.product_key = item_features.item_key
    left join product_features on candidates.product_id = product_features.product_id
    left join category_hazards
        on candidates.category_key = category_hazards.category_key
        and own_waits.purchase_band = category_hazards.purchase_band
        and own_waits.elapsed_band = category_hazards.elapsed_band

)

select * from final
