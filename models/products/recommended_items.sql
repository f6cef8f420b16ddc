{{ config(**replace_by('target_week')) }}

-- The list of every active customer, the control group's too, so that outcomes can be compared. Past target weeks stay
-- as they were; only the week that is being made is replaced.
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

final as (

    select
        prediction_week as target_week,
        customer_id,
        cast(list_rank as integer) as rank,
        product_id,
        purchase_probability,
        candidate_source,
        {{ is_held_out('customer_id') }} as is_held_out,
        model_run_id
    from ranked

)

select * from final
