{{ config(**keep_history_by('prediction_week')) }}

-- Reliability: pairs in bins of equal mass, by the published probability. A true probability is the purchase rate.
{% set bins = 20 %}

with

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

binned as (

    select
        prediction_week,
        lightgbm_binary as probability,
        was_bought,
        ntile({{ bins }}) over (
            partition by prediction_week order by lightgbm_binary asc, customer_id asc, product_id asc
        ) as bin
    from evaluation_scores

),

final as (

    select
        prediction_week,
        'lightgbm_binary' as model_name,
        cast(bin as integer) as bin,
        round(avg(probability), 12) as mean_probability,
        count_if(was_bought) * 1e0 / count(*) as purchase_rate,
        count(*) as pairs
    from binned
    group by prediction_week, bin

)

select * from final
