{# All features of some candidates, one wide row each: a new column in a feature model is a new feature here.
   `carried` are the candidates' own columns to hand on. #}
{% macro candidate_features(candidates, carried) %}
{% set customer_features = ref('customer_features') %}
{% set customer_class_features = ref('customer_class_features') %}
{% set customer_segment_features = ref('customer_segment_features') %}
{% set item_features = ref('item_features') %}
{% set customer_item_features = ref('customer_item_features') %}
{% set product_features = ref('product_features') %}
{% set customer_product_features = ref('customer_product_features') %}
{% set product_class_features = ref('product_class_features') %}
{% set offer_history_features = ref('offer_history_features') %}
{% set offer_features = ref('offer_features') %}

with

candidates as (

    select * from {{ candidates }}

),

customer_features as (

    select * from {{ customer_features }}

),

customer_class_features as (

    select * from {{ customer_class_features }}

),

customer_segment_features as (

    select * from {{ customer_segment_features }}

),

-- One import for each level: an import that is used twice would be read whole before its week is picked.
{% for level in item_levels() %}
{{ level }}_items as (

    select * from {{ item_features }} where item_level = '{{ level }}'

),

customer_{{ level }}_items as (

    select * from {{ customer_item_features }} where item_level = '{{ level }}'

),

{% endfor %}
product_features as (

    select * from {{ product_features }}

),

product_class_features as (

    select * from {{ product_class_features }}

),

offer_history_features as (

    select * from {{ offer_history_features }}

),

customer_product_features as (

    select * from {{ customer_product_features }}

),

offer_features as (

    select * from {{ offer_features }}

),

customer_factors as (

    select * from {{ ref('als_factors') }} where entity = 'customer'

),

product_factors as (

    select * from {{ ref('als_factors') }} where entity = 'product'

),

final as (

    select
        candidates.prediction_week,
        candidates.build_fingerprint,
        candidates.customer_id,
        candidates.product_id,
        {% for column in carried %}
        candidates.{{ column }},
        {% endfor %}
        candidates.tifu_score,
        candidates.neighbour_score,
        candidates.tifu_rank,
        candidates.als_rank,
        candidates.category_rank,
        candidates.known_offer_rank,
        candidates.popularity_rank,
        cast({{ dot_product('customer_factors.factors', 'product_factors.factors') }} as float) as als_score,
        {{ feature_columns(customer_features, 'customer_features', 'customer_') }},
        {{ feature_columns(customer_class_features, 'customer_class_features', 'customer_') }},
        {{ feature_columns(customer_segment_features, 'customer_segment_features', 'customer_') }},
        {% for level in item_levels() %}
        {{ feature_columns(item_features, level ~ '_items', level ~ '_') }},
        {{ feature_columns(customer_item_features, 'customer_' ~ level ~ '_items', 'customer_' ~ level ~ '_') }},
        {% endfor %}
        {{ feature_columns(product_features, 'product_features', 'product_') }},
        {{ feature_columns(product_class_features, 'product_class_features', 'product_') }},
        {{ feature_columns(offer_history_features, 'offer_history_features', 'product_') }},
        {{ feature_columns(customer_product_features, 'customer_product_features', 'customer_product_') }},
        {{ feature_columns(offer_features, 'offer_features') }}
    from candidates
    left join customer_features
        on candidates.prediction_week = customer_features.prediction_week
        and candidates.customer_id = customer_features.customer_id
    left join customer_class_features
        on candidates.prediction_week = customer_class_features.prediction_week
        and candidates.customer_id = customer_class_features.customer_id
    left join customer_segment_features
        on candidates.prediction_week = customer_segment_features.prediction_week
        and candidates.customer_id = customer_segment_features.customer_id
    left join product_class_features
        on candidates.prediction_week = product_class_features.prediction_week
        and candidates.product_id = product_class_features.product_id
    left join offer_history_features
        on candidates.prediction_week = offer_history_features.prediction_week
        and candidates.product_id = offer_history_features.product_id
    left join product_features
        on candidates.prediction_week = product_features.prediction_week
        and candidates.product_id = product_features.product_id
    left join customer_product_features
        on candidates.prediction_week = customer_product_features.prediction_week
        and candidates.customer_key = customer_product_features.customer_key
        and candidates.product_key = customer_product_features.product_key
    left join offer_features
        on candidates.prediction_week = offer_features.prediction_week
        and candidates.product_id = offer_features.product_id
    left join customer_factors
        on candidates.prediction_week = customer_factors.prediction_week
        and candidates.customer_id = customer_factors.entity_id
    left join product_factors
        on candidates.prediction_week = product_factors.prediction_week
        and candidates.product_id = product_factors.entity_id
    {% for level in item_levels() %}
    left join {{ level }}_items
        on candidates.prediction_week = {{ level }}_items.prediction_week
        and candidates.{{ level }}_key = {{ level }}_items.item_key
    left join customer_{{ level }}_items
        on candidates.prediction_week = customer_{{ level }}_items.prediction_week
        and candidates.customer_key = customer_{{ level }}_items.customer_key
        and candidates.{{ level }}_key = customer_{{ level }}_items.item_key
    {% endfor %}

)

select * from final
{% endmacro %}
