{{ config(materialized='per_prediction_week') }}

-- The segments of a customer as numbers: what was known when the window ended.
{% set lifestages = {
    'young_adults': 'YA', 'older_adults': 'OA', 'young_families': 'YF', 'older_families': 'OF', 'pensioners': 'PE',
    'other_lifestage': 'OT',
} %}
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

customer_versions as (

    select * from {{ ref('dim_customer_versions') }}

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        customer_versions.customer_id,
        {% for lifestage, code in lifestages.items() %}
        cast(case when customer_versions.lifestage is not null
            then case when customer_versions.lifestage = '{{ code }}' then 1 else 0 end
        end as float) as is_{{ lifestage }},
        {% endfor %}
        cast(case customer_versions.price_sensitivity
            when 'LA' then 1
            when 'MM' then 2
            when 'UM' then 3
        end as float) as price_level,
        -- Bands begin with their lower bound; the lowest income has an upper one only.
        cast({{ first_number('customer_versions.age_band') }} as float) as age_from,
        cast(
            case
                when customer_versions.income_band like 'Under%' then 0
                else {{ first_number('customer_versions.income_band') }}
            end as float
        ) as income_from,
        cast({{ first_number('customer_versions.household_size') }} as float) as household_size,
        cast(case
            when customer_versions.household_composition like '%No Kids' then 0
            when customer_versions.household_composition like '%Kids' then 1
        end as float) as has_children
    from customer_versions
    inner join prediction_week
        on {{ is_valid_in('customer_versions', 'prediction_week.window_last_week_index') }}

)

select * from final
