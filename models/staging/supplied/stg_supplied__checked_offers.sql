-- Each line of the offers file with the first rule that it breaks.
with

lines as (

    select * from {{ ref('stg_supplied__offer_lines') }}

),

products as (

    select * from {{ ref('products') }}

),

weeks as (

    select * from {{ ref('weeks') }}

),

known_products as (

    select distinct product_id from products

),

parsed as (

    select
        *,
        {{ plain_integer('week') }} as offer_week,
        {{ plain_decimal('price', 2) }} as offer_price
    from lines

),

checked as (

    select
        parsed.*,
        case
            when not parsed.has_all_fields then 'wrong_number_of_fields'
            when known_products.product_id is null then 'unknown_product'
            when weeks.week is null then 'unknown_week'
            when parsed.offer_price is null or parsed.offer_price <= 0 then 'invalid_price'
        end as line_fault
    from parsed
    left join known_products on parsed.product = known_products.product_id
    left join weeks on parsed.offer_week = weeks.week

),

final as (

    select
        file_name,
        line_number,
        raw_line,
        product as product_id,
        offer_week as week,
        offer_price,
        is_duplicate,
        case
            when is_duplicate then null
            when line_fault is not null then line_fault
            when row_number() over (
                partition by product, offer_week, line_fault, is_duplicate order by line_number
            ) > 1 then 'second_price_for_product_and_week'
        end as rejection_reason
    from checked

)

select * from final
