{{ config(materialized='per_prediction_week') }}

-- How a product has been offered in the window, and what offers did to its sales. Unlike offer_features, this sees
-- nothing of the prediction week.
with

prediction_week as (

    select * from {{ ref('prediction_weeks') }} where prediction_week = {{ prediction_week() }}

),

promotions as (

    select * from {{ ref('fct_promotions') }}

),

item_weeks as (

    select * from {{ ref('item_weeks') }} where item_level = 'product'

),

products as (

    select * from {{ ref('dim_products') }}

),

-- An offer in few stores is hardly one.
offered_weeks as (

    select
        promotions.product_id,
        promotions.week_index,
        {% for offer_type in offer_types() %}
        bool_or(promotions.offer_type = '{{ offer_type }}') as is_{{ offer_type }},
        {% endfor %}
        prediction_week.prediction_week_index - promotions.week_index as weeks_ago
    from promotions
    inner join prediction_week on {{ in_window('promotions') }}
    where promotions.store_share >= 0.1
    group by promotions.product_id, promotions.week_index, prediction_week.prediction_week_index

),

sold_weeks as (

    select
        products.product_id,
        item_weeks.week_index,
        item_weeks.baskets
    from item_weeks
    inner join products on item_weeks.item_key = products.product_key
    inner join prediction_week on {{ in_window('item_weeks') }}

),

offered as (

    select
        offered_weeks.product_id,
        {% for offer_type in offer_types() %}
        count_if(offered_weeks.is_{{ offer_type }} and offered_weeks.weeks_ago <= 8) as {{ offer_type }}_weeks_of_8,
        count_if(offered_weeks.is_{{ offer_type }}) as {{ offer_type }}_weeks,
        min(case when offered_weeks.is_{{ offer_type }} then offered_weeks.weeks_ago end) as weeks_since_{{ offer_type }},
        sum(case when offered_weeks.is_{{ offer_type }} then coalesce(sold_weeks.baskets, 0) end) as {{ offer_type }}_baskets{{ "," if not loop.last }}
        {% endfor %}
    from offered_weeks
    left join sold_weeks
        on offered_weeks.product_id = sold_weeks.product_id
        and offered_weeks.week_index = sold_weeks.week_index
    group by offered_weeks.product_id

),

sold as (

    select
        product_id,
        sum(baskets) as baskets
    from sold_weeks
    group by product_id

),

final as (

    select
        prediction_week.prediction_week,
        prediction_week.build_fingerprint,
        offered.product_id,
        {% for offer_type in offer_types() %}
        cast(offered.{{ offer_type }}_weeks_of_8 as float) as {{ offer_type }}_weeks_of_8,
        cast(offered.{{ offer_type }}_weeks as float) as {{ offer_type }}_weeks,
        cast(offered.weeks_since_{{ offer_type }} as float) as weeks_since_{{ offer_type }},
        -- One basket more on either side keeps rare products from extremes.
        cast(
            (offered.{{ offer_type }}_baskets + 1) / (offered.{{ offer_type }}_weeks + 1)
            / (
                (sold.baskets - offered.{{ offer_type }}_baskets + 1)
                / (
                    prediction_week.window_last_week_index - prediction_week.window_first_week_index + 2
                    - offered.{{ offer_type }}_weeks
                )
            ) as float
        ) as {{ offer_type }}_lift{{ "," if not loop.last }}
        {% endfor %}
    from offered
    cross join prediction_week
    left join sold on offered.product_id = sold.product_id

)

select * from final
