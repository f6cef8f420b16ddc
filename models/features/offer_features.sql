{{ config(materialized='per_prediction_week') }}

-- Known in advance: the offers of the prediction week itself, as the printed flyer and the display plan give them.
-- Beside `known_offer_rank` of the candidates, the only features that look at the prediction week.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

promotions as (

    select * from {{ ref('fct_promotions') }}

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        promotions.product_id,
        {% for offer_type in offer_types() %}
        cast(max(case when promotions.offer_type = '{{ offer_type }}' then promotions.store_share end) as float)
            as known_offer_{{ offer_type }}_share{{ "," if not loop.last }}
        {% endfor %}
    from promotions
    inner join prediction_week on promotions.week_index = prediction_week.prediction_week_index
    group by prediction_week.prediction_week, prediction_week.build_fingerprint, promotions.product_id

)

select * from final
