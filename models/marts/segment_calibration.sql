{{ config(**keep_history_by('prediction_week')) }}

-- Within segments of customers: whether the probabilities are as true for the new as for the well known.
with

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

segments as (

    select * from {{ ref('customer_segments') }}

),

segmented as (

    select
        evaluation_scores.*,
        segments.segment
    from evaluation_scores
    inner join segments
        on evaluation_scores.prediction_week = segments.prediction_week
        and evaluation_scores.customer_id = segments.customer_id

),

final as (

    {{ reliability('segmented', bins=10, by=['segment']) }}

)

select * from final
