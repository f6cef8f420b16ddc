-- Every model's score on the same candidates of the weeks that no training saw, beside what came true.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('validation', 'test')

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

final as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.week_role,
        candidate_scores.customer_id,
        candidate_scores.product_id,
        candidate_scores.candidate_source,
        item_weeks.product_id is not null as was_bought,
        candidate_scores.ranking_score as lightgbm_lambdarank,
        candidate_scores.purchase_probability as lightgbm_binary,
        candidate_scores.tifu_score as tifu_knn,
        candidate_scores.neighbour_score as user_knn,
        candidate_scores.product_baskets_4_weeks as popularity,
        candidate_scores.customer_product_visits_52_weeks as personal_frequency,
        candidate_scores.customer_product_visits_decayed_16_weeks as decayed_frequency,
        candidate_scores.als_score as als
    from candidate_scores
    inner join prediction_weeks on candidate_scores.prediction_week = prediction_weeks.prediction_week
    left join item_weeks
        on candidate_scores.prediction_week = item_weeks.week
        and candidate_scores.customer_id = item_weeks.customer_id
        and candidate_scores.product_id = item_weeks.product_id

)

select * from final
