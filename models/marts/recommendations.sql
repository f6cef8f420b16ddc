{{ config(materialized='incremental', unique_key='target_week', incremental_strategy='delete+insert') }}

-- Past target weeks stay as they were published; only the week that is being made is replaced.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

ranked as (

    select
        candidate_scores.*,
        prediction_weeks.window_last_week_index - prediction_weeks.window_first_week_index + 1 as window_weeks,
        row_number() over (
            partition by candidate_scores.customer_id
            order by
                candidate_scores.ranking_score desc, candidate_scores.purchase_probability desc,
                candidate_scores.product_id asc
        ) as list_rank
    from candidate_scores
    inner join prediction_weeks on candidate_scores.prediction_week = prediction_weeks.prediction_week
    qualify list_rank <= {{ var('recommendations_per_customer') }}

),

facts as (

    select
        *,
        cast(customer_product_visits_52_weeks as integer) as visits,
        cast(round(customer_product_median_gap_days) as integer) as cycle_days,
        cast(customer_product_days_since_last_purchase as integer) as days_since_last_purchase,
        coalesce(known_offer_mailer_share, 0) > 0 as is_in_mailer,
        coalesce(known_offer_display_share, 0) > 0 as is_on_display,
        coalesce(known_offer_price_drop_share, 0) > 0 as is_price_dropped
    from ranked

),

final as (

    select
        prediction_week as target_week,
        customer_id,
        cast(list_rank as integer) as rank,
        product_id,
        purchase_probability,
        candidate_source = 'repeat' as is_repeat_purchase,
        candidate_source,
        {{ recommendation_reason() }} as reason,
        model_run_id
    from facts

)

select * from final
