{{ config(materialized='view') }}

with

checked_lines as (

    select * from {{ ref('stg_complete_journey__checked_lines') }}

),

final as (

    select
        file_name,
        line_number,
        basket_id,
        customer_id,
        product_id,
        store_id,
        null::string as basket_size,
        null::string as basket_price_sensitivity,
        null::string as basket_type,
        null::string as basket_mission,
        week,
        extract(hour from purchased_at)::integer as purchase_hour,
        quantity,
        spend,
        purchased_on
    from checked_lines
    where rejection_reason is null and not is_duplicate

)

select * from final
