{{ config(materialized='per_prediction_week') }}

-- In what kinds of baskets, stores and hours a product sells, whoever buys it.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

class_weeks as (

    select * from {{ ref('product_class_weeks') }}

),

summed as (

    select
        class_weeks.product_id,
        {{ summed_class_sums('visits') }},
        {{ summed_class_sums('quantity') }},
        {{ summed_class_sums('spend') }}
    from class_weeks
    inner join prediction_week on {{ in_window('class_weeks') }}
    group by class_weeks.product_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        summed.product_id,
        {{ class_shares('visits') }},
        {{ class_shares('quantity') }},
        {{ class_shares('spend') }}
    from summed
    cross join prediction_week

)

select * from final
