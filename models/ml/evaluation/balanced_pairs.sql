-- The balanced sample: purchases of the week, and for each product as many customers, drawn from all active ones, who
-- did not buy it. Candidates or not: what no source proposed counts too.
{% set largest_sample = 40000 %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('validation', 'test')

),

active_customers as (

    select * from {{ ref('active_customers') }}

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

candidates as (

    select * from {{ ref('candidates') }}

),

product_items as (

    select * from {{ ref('product_items') }}

),

customers as (

    select
        active_customers.prediction_week,
        active_customers.customer_id,
        row_number() over (
            partition by active_customers.prediction_week order by active_customers.customer_id
        ) - 1 as customer_number,
        count(*) over (partition by active_customers.prediction_week) as customers
    from active_customers
    inner join prediction_weeks on active_customers.prediction_week = prediction_weeks.prediction_week

),

purchases as (

    select
        customers.prediction_week,
        customers.customers,
        item_weeks.customer_id,
        item_weeks.product_id
    from item_weeks
    inner join customers
        on item_weeks.week = customers.prediction_week
        and item_weeks.customer_id = customers.customer_id

),

sampled_purchases as (

    select *
    from purchases
    qualify {{ hash_share("concat_ws('|', product_id, customer_id)") }}
        < {{ largest_sample }} / 2e0 / count(*) over (partition by prediction_week)

),

repetitions as (

    select {{ series(0, 2) }} as draw

),

-- Three draws for each purchase, so that enough are left when those who bought have been taken out.
draws as (

    select distinct
        sampled_purchases.prediction_week,
        sampled_purchases.product_id,
        cast(floor(
            {{ hash_share(
                "concat_ws('|', sampled_purchases.product_id, sampled_purchases.customer_id, repetitions.draw)"
            ) }} * sampled_purchases.customers
        ) as bigint) as customer_number
    from sampled_purchases
    cross join repetitions

),

drawn_customers as (

    select
        draws.prediction_week,
        draws.product_id,
        customers.customer_id
    from draws
    inner join customers
        on draws.prediction_week = customers.prediction_week
        and draws.customer_number = customers.customer_number

),

drawn_pairs as (

    select
        drawn_customers.prediction_week,
        drawn_customers.customer_id,
        drawn_customers.product_id,
        false as was_bought
    from drawn_customers
    left join purchases
        on drawn_customers.prediction_week = purchases.prediction_week
        and drawn_customers.product_id = purchases.product_id
        and drawn_customers.customer_id = purchases.customer_id
    where purchases.product_id is null
    union all
    select
        prediction_week,
        customer_id,
        product_id,
        true as was_bought
    from sampled_purchases

),

numbered_pairs as (

    select
        *,
        row_number() over (
            partition by prediction_week, product_id, was_bought order by md5(concat_ws('|', customer_id, product_id))
        ) as pair_number
    from drawn_pairs

),

pairs as (

    select *
    from numbered_pairs
    qualify count(*) over (partition by prediction_week, product_id, pair_number) = 2

),

final as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.build_fingerprint,
        pairs.customer_id,
        pairs.product_id,
        {{ surrogate_key(['pairs.customer_id']) }} as customer_key,
        {% for level in item_levels() %}
        product_items.{{ level }}_key,
        {% endfor %}
        pairs.was_bought,
        {{ hash_share("concat('balanced_sample/', pairs.customer_id)") }} >= 0.7 as is_held_out_customer,
        candidates.tifu_score,
        candidates.neighbour_score,
        candidates.tifu_rank,
        candidates.als_rank,
        candidates.category_rank,
        candidates.known_offer_rank,
        candidates.popularity_rank
    from pairs
    inner join prediction_weeks on pairs.prediction_week = prediction_weeks.prediction_week
    inner join product_items
        on pairs.prediction_week = product_items.prediction_week
        and pairs.product_id = product_items.product_id
    left join candidates
        on pairs.prediction_week = candidates.prediction_week
        and pairs.customer_id = candidates.customer_id
        and pairs.product_id = candidates.product_id

)

select * from final
