{{ config(materialized='view') }}

-- Basket lines with the keys of their items at every level.
with

basket_items as (

    select * from {{ ref('fct_basket_items') }}

),

product_versions as (

    select * from {{ ref('dim_product_versions') }}

),

final as (

    select
        basket_items.basket_id,
        basket_items.week_index,
        basket_items.quantity,
        basket_items.spend,
        basket_items.winsorized_quantity,
        basket_items.winsorized_spend,
        case
            when basket_items.customer_id is not null then {{ surrogate_key(['basket_items.customer_id']) }}
        end as customer_key,
        {% for level in item_levels() %}
        product_versions.{{ level }}_key,
        {% endfor %}
        basket_items.purchased_on
    from basket_items
    inner join product_versions
        on basket_items.product_id = product_versions.product_id
        and {{ is_valid_in('product_versions', 'basket_items.week_index') }}

)

select * from final
