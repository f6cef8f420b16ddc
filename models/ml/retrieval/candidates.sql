{{ config(materialized='per_prediction_week') }}

-- Which customer and product pairs get a score: everything bought in the window, and the new products that any of
-- five sources proposes. Of a product with several sources, the first is named. With the keys of the items, at every
-- level, whose history the features of the pair look at.
{% set customer_key = surrogate_key(['customer_id']) %}
{% set sources = ['repeat', 'als', 'neighbours', 'category', 'offer', 'popularity'] %}

with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

active_customers as (

    select * from {{ ref('active_customers') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice(customer_key) }}

),

tifu_knn as (

    select * from {{ ref('tifu_knn') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice(customer_key) }}

),

als_candidates as (

    select * from {{ ref('als_candidates') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice(customer_key) }}

),

category_candidates as (

    select * from {{ ref('category_candidates') }}
    where prediction_week = {{ prediction_week() }} and {{ customer_slice(customer_key) }}

),

product_items as (

    select * from {{ ref('product_items') }} where prediction_week = {{ prediction_week() }}

),

popular_products as (

    select
        item_weeks.product_id,
        row_number() over (order by count(distinct item_weeks.customer_id) desc, item_weeks.product_id asc)
            as popularity_rank
    from {{ ref('customer_item_weeks') }} as item_weeks
    inner join prediction_week
        on {{ in_latest_weeks(4, 'item_weeks', 'prediction_week') }}
    group by item_weeks.product_id
    qualify popularity_rank <= 10 * {{ var('new_candidates_from_popularity') }}

),

popular_candidates as (

    select
        active_customers.customer_id,
        popular_products.product_id,
        popular_products.popularity_rank
    from active_customers
    cross join popular_products
    left join tifu_knn
        on active_customers.customer_id = tifu_knn.customer_id
        and popular_products.product_id = tifu_knn.product_id
        and tifu_knn.is_repeat
    where tifu_knn.product_id is null
    qualify row_number() over (
        partition by active_customers.customer_id order by popular_products.popularity_rank asc
    ) <= {{ var('new_candidates_from_popularity') }}

),

proposals as (

    select
        customer_id,
        product_id,
        case when is_repeat then 1 else 3 end as source_order,
        tifu_score,
        neighbour_score,
        tifu_rank,
        null as als_rank,
        null as category_rank,
        null as known_offer_rank,
        null as popularity_rank
    from tifu_knn
    union all
    select customer_id, product_id, 2, null, null, null, als_rank, null, null, null from als_candidates
    union all
    select
        customer_id,
        product_id,
        case when category_rank is not null then 4 else 5 end,
        null,
        null,
        null,
        null,
        category_rank,
        known_offer_rank,
        null
    from category_candidates
    union all
    select customer_id, product_id, 6, null, null, null, null, null, null, popularity_rank from popular_candidates

),

bought as (

    select
        item_weeks.customer_id,
        item_weeks.product_id
    from {{ ref('customer_item_weeks') }} as item_weeks
    inner join prediction_week on item_weeks.week_index = prediction_week.prediction_week_index

),

-- A week that only teaches needs the pairs that it teaches with.
needed as (

    select proposals.*
    from proposals
    cross join prediction_week
    left join bought on proposals.customer_id = bought.customer_id and proposals.product_id = bought.product_id
    where prediction_week.candidate_coverage = 'full'
        or bought.product_id is not null
        or {{ is_sampled_negative('proposals.customer_id', 'proposals.product_id') }}

),

pairs as (

    select
        customer_id,
        product_id,
        min(source_order) as source_order,
        max(tifu_score) as tifu_score,
        max(neighbour_score) as neighbour_score,
        max(tifu_rank) as tifu_rank,
        max(als_rank) as als_rank,
        max(category_rank) as category_rank,
        max(known_offer_rank) as known_offer_rank,
        max(popularity_rank) as popularity_rank
    from needed
    group by customer_id, product_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        pairs.customer_id,
        pairs.product_id,
        {{ surrogate_key(['pairs.customer_id']) }} as customer_key,
        {% for level in item_levels() %}
        product_items.{{ level }}_key,
        {% endfor %}
        case pairs.source_order
            {% for source in sources %}
            when {{ loop.index }} then '{{ source }}'
            {% endfor %}
        end as candidate_source,
        pairs.tifu_score,
        pairs.neighbour_score,
        cast(pairs.tifu_rank as float) as tifu_rank,
        cast(pairs.als_rank as float) as als_rank,
        cast(pairs.category_rank as float) as category_rank,
        cast(pairs.known_offer_rank as float) as known_offer_rank,
        cast(pairs.popularity_rank as float) as popularity_rank
    from pairs
    cross join prediction_week
    left join product_items on pairs.product_id = product_items.product_id

)

select * from final
