{{ config(materialized='incremental', unique_key='prediction_week', incremental_strategy='delete+insert') }}

with

performance as (

    select
        prediction_week, week_role, model_name, protocol, metric, metric_value, lower_bound, upper_bound, customers,
        pairs
    from {{ ref('ranking_performance') }}
    union all
    select
        prediction_week, week_role, model_name, protocol, metric, metric_value, cast(null as double) as lower_bound,
        cast(null as double) as upper_bound, customers, pairs
    from {{ ref('full_grid_performance') }}
    union all
    select
        prediction_week, week_role, model_name, protocol, metric, metric_value,
        lower_bound, upper_bound, customers, pairs
    from {{ ref('product_performance') }}

)

select * from performance
