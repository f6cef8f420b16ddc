-- One offer for each product of a week: the one that says most, that is the one with a price, then the loudest.
-- An offer of few stores is none that a customer can count on. Where the retailer has announced nothing for a week,
-- what was clearly cheaper than usual in the week before is the offer.
{% set offer_types = ['supplied', 'price_drop', 'mailer', 'display'] %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role in ('test', 'score')

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

weekly_prices as (

    select
        product_id,
        week_index,
        median(cast(spend as double) / quantity) as median_price
    from basket_items
    where week_index >= (select min(prediction_week_index) - 9 from prediction_weeks)
    group by product_id, week_index

),

-- What a price has dropped from does not count the week in which it did. It is the median of weekly medians, as in
-- stg_lgsr__price_drops: by another rule than that which found it, a drop could be dearer than the usual price.
prices_before_last_week as (

    select
        prediction_weeks.prediction_week,
        weekly_prices.product_id,
        {{ in_cents('median(weekly_prices.median_price)') }} as price_before_last_week
    from weekly_prices
    inner join prediction_weeks
        on weekly_prices.week_index between prediction_weeks.prediction_week_index - 9
        and prediction_weeks.prediction_week_index - 2
    group by prediction_weeks.prediction_week, weekly_prices.product_id

),

usual_prices as (

    select
        prediction_weeks.prediction_week,
        basket_items.product_id,
        {{ in_cents('median(cast(basket_items.spend as double) / basket_items.quantity)') }} as usual_price,
        {{ in_cents('median(case when basket_items.week_index = prediction_weeks.prediction_week_index - 1 then '
            ~ 'cast(basket_items.spend as double) / basket_items.quantity end)') }} as last_week_price,
        count(distinct case
            when basket_items.week_index >= prediction_weeks.prediction_week_index - 4 then basket_items.basket_id
        end) as baskets_4_weeks
    from basket_items
    inner join prediction_weeks
        on basket_items.week_index between prediction_weeks.prediction_week_index - 8
        and prediction_weeks.prediction_week_index - 1
    group by prediction_weeks.prediction_week, basket_items.product_id

),

price_drops as (

    select
        usual_prices.prediction_week,
        usual_prices.product_id,
        'price_drop' as offer_type,
        usual_prices.last_week_price as offer_price
    from usual_prices
    inner join prices_before_last_week
        on usual_prices.prediction_week = prices_before_last_week.prediction_week
        and usual_prices.product_id = prices_before_last_week.product_id
    where
        usual_prices.last_week_price <= 0.9 * prices_before_last_week.price_before_last_week
        and usual_prices.prediction_week not in (select prediction_week from best_offers)

),

all_offers as (

    select prediction_week, product_id, offer_type, offer_price from best_offers
    union all
    select prediction_week, product_id, offer_type, offer_price from price_drops

),

final as (

    select
        all_offers.prediction_week,
        prediction_weeks.week_role,
        all_offers.product_id,
        all_offers.offer_type,
        all_offers.offer_price,
        case all_offers.offer_type
            when 'price_drop' then prices_before_last_week.price_before_last_week
            else usual_prices.usual_price
        end as usual_price,
        coalesce(usual_prices.baskets_4_weeks, 0) as baskets_4_weeks
    from all_offers
    inner join prediction_weeks on all_offers.prediction_week = prediction_weeks.prediction_week
    left join usual_prices
        on all_offers.prediction_week = usual_prices.prediction_week
        and all_offers.product_id = usual_prices.product_id
    left join prices_before_last_week
        on all_offers.prediction_week = prices_before_last_week.prediction_week
        and all_offers.product_id = prices_before_last_week.product_id

)

select * from final
