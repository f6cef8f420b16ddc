-- The customer's due products that the open basket lacks, in the order of the ranker. A product is due once half of its
-- usual cycle is over before the week is: who waits for the whole cycle comes too late for most purchases.
with

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

open_baskets as (

    select * from {{ ref('open_baskets') }}

),

customers_with_basket as (

    select distinct prediction_week, week_role, customer_id
    from open_baskets

),

due_items as (

    select
        candidate_scores.prediction_week,
        customers_with_basket.week_role,
        candidate_scores.customer_id,
        candidate_scores.product_id,
        candidate_scores.purchase_probability,
        candidate_scores.ranking_score
    from candidate_scores
    inner join customers_with_basket
        on candidate_scores.prediction_week = customers_with_basket.prediction_week
        and candidate_scores.customer_id = customers_with_basket.customer_id
    where candidate_scores.candidate_source = 'repeat'
        and 2 * (candidate_scores.customer_product_days_since_last_purchase + 6)
        >= candidate_scores.customer_product_median_gap_days

),

missing_items as (

    select due_items.*
    from due_items
    left join open_baskets
        on due_items.prediction_week = open_baskets.prediction_week
        and due_items.customer_id = open_baskets.customer_id
        and due_items.product_id = open_baskets.product_id
    where open_baskets.product_id is null

),

final as (

    select
        prediction_week,
        week_role,
        customer_id,
        product_id,
        purchase_probability,
        row_number() over (
            partition by prediction_week, customer_id order by {{ best_first() }}
        ) as position
    from missing_items
    qualify position <= {{ var('reminders_per_customer') }}

)

select * from final
