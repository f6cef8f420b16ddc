-- Whose candidates are made in which week: customers seen in the last weeks before it. Of these a sample teaches, the
-- same customers week after week, and a week that only teaches needs no others: learning costs no more in a larger shop.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }}

),

customer_days as (

    select * from {{ ref('customer_days') }}

),

active as (

    select distinct
        prediction_weeks.prediction_week,
        prediction_weeks.candidate_coverage,
        customer_days.customer_id
    from prediction_weeks
    inner join customer_days
        on {{ in_latest_weeks(var('active_weeks'), 'customer_days', 'prediction_weeks') }}

),

final as (

    select
        prediction_week,
        customer_id,
        row_number() over (
            partition by prediction_week
            order by {{ hash_share("concat('training/', customer_id)") }} asc, customer_id asc
        ) <= {{ var('training_customers') }} as is_learnt_from
    from active
    qualify candidate_coverage = 'full' or is_learnt_from

)

select * from final
