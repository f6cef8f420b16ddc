-- The segments that a customer belongs to: how long the observation window knows them, how much they put into a basket,
-- their life stage on the eve of the week.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'test'

),

customer_features as (

    select * from {{ ref('customer_features') }}

),

customer_versions as (

    select * from {{ ref('dim_customer_versions') }}

),

segmented as (

    select
        prediction_weeks.prediction_week,
        customer_features.customer_id,
        case
            when customer_features.days_since_first_visit <= 91 then 'known_up_to_13_weeks'
            when customer_features.days_since_first_visit <= 182 then 'known_14_to_26_weeks'
            else 'known_over_26_weeks'
        end as history,
        case
            when customer_features.products_per_visit < 5 then 'baskets_under_5_products'
            when customer_features.products_per_visit < 15 then 'baskets_of_5_to_14_products'
            else 'baskets_of_15_products_and_more'
        end as basket,
        'lifestage_' || lower(customer_versions.lifestage) as lifestage
    from customer_features
    inner join prediction_weeks on customer_features.prediction_week = prediction_weeks.prediction_week
    left join customer_versions
        on customer_features.customer_id = customer_versions.customer_id
        and {{ is_valid_in('customer_versions', 'prediction_weeks.window_last_week_index') }}

),

final as (

    {% for attribute in ['history', 'basket', 'lifestage'] %}
    select
        prediction_week,
        customer_id,
        {{ attribute }} as segment
    from segmented
    where {{ attribute }} is not null
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select * from final
