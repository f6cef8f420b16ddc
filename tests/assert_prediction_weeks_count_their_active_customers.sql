-- The number of slices comes from the one, their customers from the other: both must mean the same by "active".
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }}

),

active_customers as (

    select
        prediction_week,
        count(*) as customers
    from {{ ref('active_customers') }}
    group by prediction_week

)

select
    prediction_weeks.prediction_week,
    prediction_weeks.active_customers,
    active_customers.customers
from prediction_weeks
left join active_customers on prediction_weeks.prediction_week = active_customers.prediction_week
where prediction_weeks.active_customers <> coalesce(active_customers.customers, 0)
