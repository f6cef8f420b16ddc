-- The longest list of each customer. The ranking model's order gave lists of a higher F1 than the order of the
-- probabilities on the validation week: .147 against .144 on The Complete Journey.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('validation', 'test', 'score')

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

ranked as (

    select
        candidate_scores.prediction_week,
        prediction_weeks.week_role,
        candidate_scores.customer_id,
        candidate_scores.product_id,
        candidate_scores.purchase_probability,
        row_number() over (
            partition by candidate_scores.prediction_week, candidate_scores.customer_id
            order by {{ best_first('candidate_scores') }}
        ) as position
    from candidate_scores
    inner join prediction_weeks on candidate_scores.prediction_week = prediction_weeks.prediction_week
    qualify position <= {{ var('shopping_list_maximum_length') }}

)

select * from ranked
