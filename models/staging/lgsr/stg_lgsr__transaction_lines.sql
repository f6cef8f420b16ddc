-- depends_on: {{ ref('stg_lgsr__source_files') }}
{{ config(materialized='view') }}

select
    file_name,
    line_number,
    basket_id,
    customer_id,
    product_id,
    store_id,
    basket_size,
    basket_price_sensitivity,
    basket_type,
    basket_mission,
    week,
    purchase_hour,
    quantity,
    spend,
    purchased_on
from {{ source('lgsr', 'lines') }}
