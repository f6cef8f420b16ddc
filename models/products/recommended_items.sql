{{ config(pre_hook="{{ clear_target_week() }}", **keep_history_by('target_week')) }}
{% set rows = var('recommendations_per_customer') | int %}
{% set new_rows = var('new_recommendations_per_customer') %}
{% set new_rows = rows // 5 if new_rows is none else new_rows | int %}

-- depends_on: {{ ref('dim_weeks') }}
-- The list of every active customer, the control group's too, so that outcomes can be compared. Past target weeks stay
-- as they were; only the week that is being made is replaced.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

scored as (

    select
        candidate_scores.*,
        row_number() over (partition by candidate_scores.customer_id order by {{ best_first('candidate_scores') }}) as score_rank,
        row_number() over (
            partition by candidate_scores.customer_id, candidate_scores.candidate_source = 'repeat'
            order by {{ best_first('candidate_scores') }}
        ) as rank_among_its_kind
    from candidate_scores
    inner join prediction_weeks on candidate_scores.prediction_week = prediction_weeks.prediction_week

),

-- All compete in one list, but what a customer has long bought would fill it: the best new products have a place.
listed as (

    select *
    from scored
    qualify row_number() over (
        partition by customer_id
        order by
            candidate_source <> 'repeat' and rank_among_its_kind <= {{ new_rows }} desc,
            score_rank asc
    ) <= {{ rows }}

),

final as (

    select
        prediction_week as target_week,
        customer_id,
        cast(row_number() over (partition by customer_id order by score_rank) as integer) as rank,
        product_id,
        purchase_probability,
        candidate_source,
        {{ is_held_out('customer_id') }} as is_held_out,
        model_run_id
    from listed

)

select * from final
