{{ config(**keep_history_by('prediction_week')) }}

with

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

final as (

    {{ reliability('evaluation_scores', bins=20) }}

)

select * from final
