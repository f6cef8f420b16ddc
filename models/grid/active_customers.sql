-- Who gets recommendations in which week: customers seen in the last weeks before it.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }}

),

customer_days as (

    select * from {{ ref('customer_days') }}

),

final as (

    select distinct
        prediction_weeks.prediction_week,
        customer_days.customer_id
    from prediction_weeks
    inner join customer_days
        on customer_days.week_index between prediction_weeks.prediction_week_index - {{ var('active_weeks') }}
        and prediction_weeks.window_last_week_index

)

select * from final
