{{ config(materialized='per_prediction_week') }}

-- New products of the subcategories that a customer likes: those that many bought lately, and those that are in this
-- week's mailer or at a dropped price (both are known in advance).
{% set subcategories_per_customer = 40 %}
{% set products_per_subcategory = 10 %}

with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

product_items as (

    select * from {{ ref('product_items') }} where prediction_week = {{ prediction_week() }}

),

tifu_knn as (

    select * from {{ ref('tifu_knn') }} where prediction_week = {{ prediction_week() }}

),

promotions as (

    select * from {{ ref('fct_promotions') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

own_products as (

    select
        tifu_knn.customer_id,
        tifu_knn.product_id,
        tifu_knn.tifu_score,
        product_items.subcategory_key
    from tifu_knn
    inner join product_items on tifu_knn.product_id = product_items.product_id
    where tifu_knn.is_repeat

),

likings as (

    select
        customer_id,
        subcategory_key,
        cast(sum(round(tifu_score * 1048576)) as double) as liking,
        -- Breaks ties, which a key would break otherwise on each engine: a product stands in one subcategory.
        min(product_id) as first_product_id
    from own_products
    where subcategory_key is not null
    group by customer_id, subcategory_key
    qualify row_number() over (
        partition by customer_id order by liking desc, first_product_id asc
    ) <= {{ subcategories_per_customer }}

),

offered_products as (

    select distinct promotions.product_id
    from promotions
    inner join prediction_week on promotions.week_index = prediction_week.prediction_week_index
    where promotions.offer_type <> 'display' and promotions.store_share >= 0.3

),

recent_buyers as (

    select
        item_weeks.product_id,
        count(distinct item_weeks.customer_id) as buyers
    from item_weeks
    inner join prediction_week
        on {{ in_latest_weeks(8, 'item_weeks', 'prediction_week') }}
    group by item_weeks.product_id

),

products as (

    select
        product_items.product_id,
        product_items.subcategory_key,
        recent_buyers.buyers,
        cast(recent_buyers.buyers as double) / sum(recent_buyers.buyers) over (partition by product_items.subcategory_key)
            as subcategory_share,
        offered_products.product_id is not null as is_offered,
        row_number() over (
            partition by product_items.subcategory_key order by recent_buyers.buyers desc, product_items.product_id asc
        ) <= {{ products_per_subcategory }} as is_popular
    from product_items
    inner join recent_buyers on product_items.product_id = recent_buyers.product_id
    left join offered_products on product_items.product_id = offered_products.product_id

),

proposals as (

    select
        likings.customer_id,
        products.product_id,
        products.is_offered,
        products.is_popular,
        likings.liking * products.subcategory_share as score
    from likings
    inner join products on likings.subcategory_key = products.subcategory_key
    left join own_products
        on likings.customer_id = own_products.customer_id
        and products.product_id = own_products.product_id
    where own_products.product_id is null
        and (products.is_popular or products.is_offered)

),

-- The two rankings know nothing of each other: what is on offer moves no category_rank.
popular_candidates as (

    select
        customer_id,
        product_id,
        row_number() over (partition by customer_id order by score desc, product_id asc) as category_rank
    from proposals
    where is_popular
    qualify category_rank <= {{ var('new_candidates_from_categories') }}

),

offered_candidates as (

    select
        customer_id,
        product_id,
        row_number() over (partition by customer_id order by score desc, product_id asc) as known_offer_rank
    from proposals
    where is_offered
    qualify known_offer_rank <= {{ var('new_candidates_from_offers') }}

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        coalesce(popular_candidates.customer_id, offered_candidates.customer_id) as customer_id,
        coalesce(popular_candidates.product_id, offered_candidates.product_id) as product_id,
        cast(popular_candidates.category_rank as integer) as category_rank,
        cast(offered_candidates.known_offer_rank as integer) as known_offer_rank
    from popular_candidates
    full join offered_candidates
        on popular_candidates.customer_id = offered_candidates.customer_id
        and popular_candidates.product_id = offered_candidates.product_id
    cross join prediction_week

)

select * from final
