{{ config(materialized='per_prediction_week') }}

-- The items, at every level, whose history with the customer some candidate needs. The category of a product is
-- the one in which it stood at the end of the window.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

candidates as (

    select * from {{ ref('candidates') }} where prediction_week = {{ prediction_week() }}

),

product_versions as (

    select product_versions.*
    from {{ ref('dim_product_versions') }} as product_versions
    inner join prediction_week
        on product_versions.valid_from_week_index <= prediction_week.window_last_week_index
        and coalesce(product_versions.valid_to_week_index, prediction_week.window_last_week_index)
        >= prediction_week.window_last_week_index

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        candidates.customer_id,
        candidates.product_id,
        {{ surrogate_key(['candidates.customer_id']) }} as customer_key,
        {% for level in item_levels() %}
        product_versions.{{ level }}_key{{ "," if not loop.last }}
        {% endfor %}
    from candidates
    cross join prediction_week
    left join product_versions on candidates.product_id = product_versions.product_id

)

select * from final
