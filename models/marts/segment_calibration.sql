{{ config(**keep_history_by('prediction_week')) }}

-- Reliability within segments of customers: whether the probabilities are as true for the new as for the well known.
{% set bins = 10 %}

with

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

segments as (

    select * from {{ ref('customer_segments') }}

),

binned as (

    select
        evaluation_scores.prediction_week,
        segments.segment,
        evaluation_scores.lightgbm_binary as probability,
        evaluation_scores.was_bought,
        ntile({{ bins }}) over (
            partition by evaluation_scores.prediction_week, segments.segment
            order by
                evaluation_scores.lightgbm_binary asc, evaluation_scores.customer_id asc,
                evaluation_scores.product_id asc
        ) as bin
    from evaluation_scores
    inner join segments
        on evaluation_scores.prediction_week = segments.prediction_week
        and evaluation_scores.customer_id = segments.customer_id

),

final as (

    select
        prediction_week,
        'lightgbm_binary' as model_name,
        segment,
        cast(bin as integer) as bin,
        round(avg(probability), 12) as mean_probability,
        count_if(was_bought) * 1e0 / count(*) as purchase_rate,
        count(*) as pairs
    from binned
    group by prediction_week, segment, bin

)

select * from final
