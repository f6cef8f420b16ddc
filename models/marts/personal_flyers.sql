{{ config(pre_hook="{{ clear_target_week() }}", **keep_history_by('target_week')) }}

-- depends_on: {{ ref('dim_weeks') }}
-- Past target weeks stay as they were published.
with

flyer_items as (

    select * from {{ ref('flyer_items') }} where week_role = 'score'

),

week_offers as (

    select * from {{ ref('week_offers') }} where week_role = 'score'

),

item_reasons as (

    select * from {{ ref('item_reasons') }}

),

final as (

    select
        flyer_items.prediction_week as target_week,
        flyer_items.customer_id,
        cast(flyer_items.position as integer) as position,
        flyer_items.product_id,
        flyer_items.purchase_probability,
        week_offers.offer_type,
        week_offers.offer_price,
        week_offers.usual_price,
        cast(
            case
                when week_offers.usual_price < week_offers.offer_price then 0
                else week_offers.usual_price - week_offers.offer_price
            end as decimal(12, 2)
        ) as saving,
        not flyer_items.is_new and flyer_items.purchase_probability >= {{ var('would_buy_anyway_probability') }}
            as would_buy_anyway,
        item_reasons.reason
    from flyer_items
    inner join week_offers on flyer_items.product_id = week_offers.product_id
    inner join item_reasons
        on flyer_items.customer_id = item_reasons.customer_id
        and flyer_items.product_id = item_reasons.product_id
    where not {{ is_held_out('flyer_items.customer_id') }}

)

select * from final
