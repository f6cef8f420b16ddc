-- One offer for each product of a week: the one that says most, that is the one with a price, then the loudest.
-- An offer of few stores is none that a customer can count on.
{% set offer_types = ['supplied', 'price_drop', 'mailer', 'display'] %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('validation', 'test', 'score')

),

promotions as (

    select * from {{ ref('fct_promotions') }} where store_share >= {{ var('flyer_minimum_store_share') }}

),

supplied_offers as (

    select * from {{ ref('fct_supplied_offers') }}

),

basket_items as (

    select * from {{ ref('fct_basket_items') }} where spend > 0

),

offers as (

    select product_id, week_index, offer_type, offer_price from promotions
    union all
    select product_id, week_index, 'supplied' as offer_type, offer_price from supplied_offers

),

best_offers as (

    select
        prediction_weeks.prediction_week,
        prediction_weeks.prediction_week_index,
        prediction_weeks.week_role,
        offers.product_id,
        offers.offer_type,
        offers.offer_price
    from offers
    inner join prediction_weeks on offers.week_index = prediction_weeks.prediction_week_index
    qualify row_number() over (
        partition by prediction_weeks.prediction_week, offers.product_id
        order by
            case offers.offer_type
                {% for offer_type in offer_types %}
                when '{{ offer_type }}' then {{ loop.index }}
                {% endfor %}
            end asc
    ) = 1

),

usual_prices as (

    select
        prediction_weeks.prediction_week,
        basket_items.product_id,
        cast(median(basket_items.spend / basket_items.quantity) as decimal(12, 2)) as usual_price,
        count(distinct case
            when basket_items.week_index >= prediction_weeks.prediction_week_index - 4 then basket_items.basket_id
        end) as baskets_4_weeks
    from basket_items
    inner join prediction_weeks
        on basket_items.week_index between prediction_weeks.prediction_week_index - 8
        and prediction_weeks.prediction_week_index - 1
    group by prediction_weeks.prediction_week, basket_items.product_id

),

final as (

    select
        best_offers.prediction_week,
        best_offers.week_role,
        best_offers.product_id,
        best_offers.offer_type,
        best_offers.offer_price,
        usual_prices.usual_price,
        coalesce(usual_prices.baskets_4_weeks, 0) as baskets_4_weeks
    from best_offers
    left join usual_prices
        on best_offers.prediction_week = usual_prices.prediction_week
        and best_offers.product_id = usual_prices.product_id

)

select * from final
