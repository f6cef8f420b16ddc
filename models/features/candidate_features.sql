{{ config(materialized='view') }}

-- Every feature of every candidate, one wide row. A new column in a feature model is a new feature here.
-- A view: its readers stream one prediction week each, and writing 200 floats a row would cost more than joining them.
{% set customer_features = ref('customer_features') %}
{% set item_features = ref('item_features') %}
{% set customer_item_features = ref('customer_item_features') %}
{% set offer_features = ref('offer_features') %}

with

candidates as (

    select * from {{ ref('candidates') }}

),

candidate_items as (

    select * from {{ ref('candidate_items') }}

),

customer_features as (

    select * from {{ customer_features }}

),

item_features as (

    select * from {{ item_features }}

),

customer_item_features as (

    select * from {{ customer_item_features }}

),

offer_features as (

    select * from {{ offer_features }}

),

als_factors as (

    select * from {{ ref('als_factors') }}

),

final as (

    select
        candidates.prediction_week,
        candidates.build_fingerprint,
        candidates.customer_id,
        candidates.product_id,
        candidates.candidate_source,
        cast(candidates.als_rank as float) as als_rank,
        cast(candidates.popularity_rank as float) as popularity_rank,
        cast({{ dot_product('customer_als.factors', 'product_als.factors') }} as float) as als_score,
        {{ feature_columns(customer_features, 'customer_features', 'customer_') }},
        {% for level in item_levels() %}
        {{ feature_columns(item_features, level ~ '_features', level ~ '_') }},
        {{ feature_columns(customer_item_features, 'customer_' ~ level ~ '_features', 'customer_' ~ level ~ '_') }},
        {% endfor %}
        {{ feature_columns(offer_features, 'offer_features') }}
    from candidates
    inner join candidate_items
        on candidates.prediction_week = candidate_items.prediction_week
        and candidates.customer_id = candidate_items.customer_id
        and candidates.product_id = candidate_items.product_id
    left join customer_features
        on candidates.prediction_week = customer_features.prediction_week
        and candidates.customer_id = customer_features.customer_id
    left join offer_features
        on candidates.prediction_week = offer_features.prediction_week
        and candidates.product_id = offer_features.product_id
    left join als_factors as customer_als
        on candidates.prediction_week = customer_als.prediction_week
        and candidates.customer_id = customer_als.entity_id
        and customer_als.entity = 'customer'
    left join als_factors as product_als
        on candidates.prediction_week = product_als.prediction_week
        and candidates.product_id = product_als.entity_id
        and product_als.entity = 'product'
    {% for level in item_levels() %}
    left join item_features as {{ level }}_features
        on candidate_items.prediction_week = {{ level }}_features.prediction_week
        and candidate_items.{{ level }}_key = {{ level }}_features.item_key
        and {{ level }}_features.item_level = '{{ level }}'
    left join customer_item_features as customer_{{ level }}_features
        on candidate_items.prediction_week = customer_{{ level }}_features.prediction_week
        and candidate_items.customer_key = customer_{{ level }}_features.customer_key
        and candidate_items.{{ level }}_key = customer_{{ level }}_features.item_key
        and customer_{{ level }}_features.item_level = '{{ level }}'
    {% endfor %}

)

select * from final
