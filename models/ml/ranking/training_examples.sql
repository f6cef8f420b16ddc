{{ config(materialized='per_prediction_week', meta={'kept_by': 'example_fingerprint'}) }}

-- Of the customers that are learnt from: positives, and a sample of the pairs that were not bought; each sampled pair
-- stands for the inverse of its share.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

candidates as (

    select * from {{ ref('candidates') }} where prediction_week = {{ prediction_week() }}

),

learnt_from as (

    select * from {{ ref('active_customers') }} where prediction_week = {{ prediction_week() }} and is_learnt_from

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

labelled as (

    select
        {{ all_but('candidates', ['build_fingerprint']) }},
        prediction_week.example_fingerprint as build_fingerprint,
        item_weeks.product_id is not null as was_bought
    from candidates
    inner join learnt_from on candidates.customer_id = learnt_from.customer_id
    cross join prediction_week
    left join item_weeks
        on candidates.customer_id = item_weeks.customer_id
        and candidates.product_id = item_weeks.product_id
        and prediction_week.prediction_week = item_weeks.week
    where prediction_week.week_role <> 'score'

),

final as (

    select
        labelled.*,
        cast(
            case when labelled.was_bought then 1 else 1 / prediction_week.negative_sampling_share end as float
        ) as example_weight
    from labelled
    cross join prediction_week
    where labelled.was_bought or {{ is_sampled_negative('labelled.customer_id', 'labelled.product_id') }}

)

select * from final
