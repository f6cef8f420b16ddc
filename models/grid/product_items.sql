{{ config(materialized='per_prediction_week') }}

-- The item that each product is at every level. The category of a product is the one in which it stood at the end of
-- the window.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

product_versions as (

    select * from {{ ref('dim_product_versions') }}

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        product_versions.product_id,
        {% for level in item_levels() %}
        product_versions.{{ level }}_key{{ "," if not loop.last }}
        {% endfor %}
    from product_versions
    inner join prediction_week
        on {{ is_valid_in('product_versions', 'prediction_week.window_last_week_index') }}

)

select * from final
