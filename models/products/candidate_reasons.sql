{{ config(materialized='view') }}

-- The reason of every candidate of the target week, whichever product shows it.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

facts as (

    select
        candidate_scores.*,
        prediction_weeks.window_last_week_index - prediction_weeks.window_first_week_index + 1 as window_weeks,
        cast(candidate_scores.customer_product_visits_52_weeks as integer) as visits,
        cast(round(candidate_scores.customer_product_median_gap_days) as integer) as cycle_days,
        cast(candidate_scores.customer_product_days_since_last_purchase as integer) as days_since_last_purchase,
        coalesce(candidate_scores.known_offer_mailer_share, 0) > 0 as is_in_mailer,
        coalesce(candidate_scores.known_offer_display_share, 0) > 0 as is_on_display,
        coalesce(candidate_scores.known_offer_price_drop_share, 0) > 0 as is_price_dropped
    from candidate_scores
    inner join prediction_weeks on candidate_scores.prediction_week = prediction_weeks.prediction_week

),

final as (

    select
        prediction_week,
        customer_id,
        product_id,
        {{ recommendation_reason() }} as reason
    from facts

)

select * from final
