{{ config(materialized='per_prediction_week') }}

-- Which customer and product pairs get a score: everything bought in the window, and new products that either
-- collaborative filtering or the last weeks' popularity proposes.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

active_customers as (

    select * from {{ ref('active_customers') }} where prediction_week = {{ prediction_week() }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

als_candidates as (

    select * from {{ ref('als_candidates') }} where prediction_week = {{ prediction_week() }}

),

window_purchases as (

    select
        item_weeks.customer_id,
        item_weeks.product_id,
        item_weeks.week_index,
        prediction_week.prediction_week_index - item_weeks.week_index as weeks_ago
    from item_weeks
    inner join prediction_week
        on item_weeks.week_index between prediction_week.window_first_week_index
        and prediction_week.window_last_week_index

),

repeat_candidates as (

    select distinct
        window_purchases.customer_id,
        window_purchases.product_id
    from window_purchases
    inner join active_customers on window_purchases.customer_id = active_customers.customer_id

),

popular_products as (

    select
        product_id,
        row_number() over (order by count(distinct customer_id) desc, product_id asc) as popularity_rank
    from window_purchases
    where weeks_ago <= 4
    group by product_id

),

popular_candidates as (

    select
        active_customers.customer_id,
        popular_products.product_id,
        popular_products.popularity_rank
    from active_customers
    cross join popular_products
    left join repeat_candidates
        on active_customers.customer_id = repeat_candidates.customer_id
        and popular_products.product_id = repeat_candidates.product_id
    where popular_products.popularity_rank <= 10 * {{ var('new_candidates_from_popularity') }}
        and repeat_candidates.product_id is null
    qualify row_number() over (
        partition by active_customers.customer_id order by popular_products.popularity_rank asc
    ) <= {{ var('new_candidates_from_popularity') }}

),

proposals as (

    select customer_id, product_id, 1 as source_order, null as als_rank, null as popularity_rank
    from repeat_candidates
    union all
    select customer_id, product_id, 2 as source_order, als_rank, null as popularity_rank
    from als_candidates
    union all
    select customer_id, product_id, 3 as source_order, null as als_rank, popularity_rank
    from popular_candidates

),

pairs as (

    select
        customer_id,
        product_id,
        min(source_order) as source_order,
        max(als_rank) as als_rank,
        max(popularity_rank) as popularity_rank
    from proposals
    group by customer_id, product_id

),

bought as (

    select distinct
        item_weeks.customer_id,
        item_weeks.product_id
    from item_weeks
    inner join prediction_week on item_weeks.week_index = prediction_week.prediction_week_index

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        pairs.customer_id,
        pairs.product_id,
        case pairs.source_order when 1 then 'repeat' when 2 then 'als' else 'popularity' end as candidate_source,
        cast(pairs.als_rank as integer) as als_rank,
        cast(pairs.popularity_rank as integer) as popularity_rank
    from pairs
    cross join prediction_week
    left join bought on pairs.customer_id = bought.customer_id and pairs.product_id = bought.product_id
    -- A week that only teaches needs the pairs that it teaches with.
    where prediction_week.candidate_coverage = 'full'
        or bought.product_id is not null
        or {{ is_sampled_negative('prediction_week.prediction_week', 'pairs.customer_id', 'pairs.product_id') }}

)

select * from final
