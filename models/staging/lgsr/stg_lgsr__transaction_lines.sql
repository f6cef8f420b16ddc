{{ config(materialized='view') }}

with

lines as (

    select * from {{ source('lgsr', 'lines') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

final as (

    select
        source_files.file_name,
        lines.line_number,
        lines.basket_id,
        lines.customer_id,
        lines.product_id,
        lines.store_id,
        lines.basket_size,
        lines.basket_price_sensitivity,
        lines.basket_type,
        lines.basket_mission,
        lines.week,
        lines.purchase_hour,
        lines.quantity,
        lines.spend,
        lines.purchased_on
    from lines
    inner join source_files on lines.week = source_files.week

)

select * from final
