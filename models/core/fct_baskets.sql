-- A basket over midnight into the next week stands here with the lines of its first week: what the next week brings
-- changes nothing that was known before.
with

transaction_lines as (

    select * from {{ ref('transaction_lines') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

store_versions as (

    select * from {{ ref('dim_store_versions') }}

),

basket_weeks as (

    select
        transaction_lines.basket_id,
        max(transaction_lines.customer_id) as customer_id,
        max(transaction_lines.store_id) as store_id,
        max(transaction_lines.basket_size) as basket_size,
        max(transaction_lines.basket_price_sensitivity) as basket_price_sensitivity,
        max(transaction_lines.basket_type) as basket_type,
        max(transaction_lines.basket_mission) as basket_mission,
        weeks.week,
        weeks.week_index,
        min(transaction_lines.purchase_hour) as purchase_hour,
        count(*) as lines,
        count(distinct transaction_lines.product_id) as products,
        sum(transaction_lines.quantity) as quantity,
        sum(transaction_lines.spend) as spend,
        count(transaction_lines.customer_id) in (0, count(*))
        and coalesce(min(transaction_lines.customer_id) = max(transaction_lines.customer_id), true)
        and min(transaction_lines.purchased_on) = max(transaction_lines.purchased_on) as is_one_visit_of_week,
        max(transaction_lines.purchased_on) as purchased_on
    from transaction_lines
    inner join weeks on transaction_lines.week = weeks.week
    where weeks.weeks_to_target < 0
    group by transaction_lines.basket_id, weeks.week, weeks.week_index

),

baskets as (

    select
        *,
        is_one_visit_of_week and count(*) over (partition by basket_id) = 1 as is_one_visit
    from basket_weeks
    qualify week_index = min(week_index) over (partition by basket_id)

),

final as (

    select
        baskets.basket_id,
        baskets.customer_id,
        baskets.store_id,
        store_versions.store_format,
        store_versions.store_region,
        baskets.basket_size,
        baskets.basket_price_sensitivity,
        baskets.basket_type,
        baskets.basket_mission,
        case
            when baskets.purchase_hour < 12 then 'morning'
            when baskets.purchase_hour < 17 then 'afternoon'
            when baskets.purchase_hour >= 17 then 'evening'
        end as day_part,
        baskets.week,
        baskets.week_index,
        baskets.purchase_hour,
        baskets.lines,
        baskets.products,
        baskets.quantity,
        baskets.spend,
        baskets.is_one_visit,
        {{ iso_day_of_week('baskets.purchased_on') }} in (6, 7) as is_weekend,
        baskets.purchased_on
    from baskets
    left join store_versions
        on baskets.store_id = store_versions.store_id
        and {{ is_valid_in('store_versions', 'baskets.week_index') }}

)

select * from final
