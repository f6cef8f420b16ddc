-- Each line of the open baskets file with the first rule that it breaks.
with

lines as (

    select * from {{ ref('stg_supplied__open_basket_lines') }}

),

customers as (

    select * from {{ ref('customers') }}

),

products as (

    select * from {{ ref('products') }}

),

known_customers as (

    select distinct customer_id from customers

),

known_products as (

    select distinct product_id from products

),

final as (

    select
        lines.file_name,
        lines.line_number,
        lines.raw_line,
        lines.customer as customer_id,
        lines.product as product_id,
        lines.is_duplicate,
        case
            when lines.is_duplicate then null
            when not lines.has_all_fields then 'wrong_number_of_fields'
            when known_customers.customer_id is null then 'unknown_customer'
            when known_products.product_id is null then 'unknown_product'
        end as rejection_reason
    from lines
    left join known_customers on lines.customer = known_customers.customer_id
    left join known_products on lines.product = known_products.product_id

)

select * from final
