-- The mix rule: the best offers for each customer, at most some of one category, with places that only products new
-- to the customer may take. Places that no new product fills go to the others.
{% set rows = var('flyer_items_per_customer') | int %}
{% set reserved = (rows * (var('flyer_new_item_share') | float)) | round(6) | round(0, 'ceil') | int %}

with

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

week_offers as (

    select * from {{ ref('week_offers') }}

),

product_items as (

    select * from {{ ref('product_items') }}

),

-- Few offers of a category can be taken: most are left behind before any other order is made.
offered as (

    select
        candidate_scores.prediction_week,
        week_offers.week_role,
        candidate_scores.customer_id,
        candidate_scores.product_id,
        candidate_scores.candidate_source <> 'repeat' as is_new,
        candidate_scores.purchase_probability,
        candidate_scores.ranking_score
    from candidate_scores
    inner join week_offers
        on candidate_scores.prediction_week = week_offers.prediction_week
        and candidate_scores.product_id = week_offers.product_id
    inner join product_items
        on candidate_scores.prediction_week = product_items.prediction_week
        and candidate_scores.product_id = product_items.product_id
    qualify row_number() over (
        -- A product without a category is a category of its own.
        partition by
            candidate_scores.prediction_week, candidate_scores.customer_id,
            coalesce(product_items.category_key, product_items.product_key)
        order by {{ best_first('candidate_scores') }}
    ) <= {{ var('flyer_items_per_category') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by prediction_week, customer_id order by {{ best_first() }}
        ) as offer_rank
    from offered

),

with_reserved as (

    select
        *,
        is_new and row_number() over (
            partition by prediction_week, customer_id, is_new order by offer_rank asc
        ) <= {{ reserved }} as is_reserved
    from ranked

),

chosen as (

    select *
    from with_reserved
    qualify row_number() over (
        partition by prediction_week, customer_id order by is_reserved desc, offer_rank asc
    ) <= {{ rows }}

),

final as (

    select
        prediction_week,
        week_role,
        customer_id,
        product_id,
        row_number() over (partition by prediction_week, customer_id order by offer_rank asc) as position,
        purchase_probability,
        is_new
    from chosen

)

select * from final
