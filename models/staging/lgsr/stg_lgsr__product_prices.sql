{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        pre_hook="{{ forget_replaced('load_id', ref('stg_lgsr__source_files')) }}"
    )
}}

-- What a product usually costs changes only with the week's file, so only new and changed files are looked at.
-- Goods given away have no price. Lines without a customer count as any other.
with

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}
    {% if is_incremental() %}
        where load_id not in (select load_id from {{ this }})
    {% endif %}

),

lines as (

    select * from {{ source('lgsr', 'lines') }}

),

final as (

    select
        source_files.load_id,
        lines.week,
        lines.product_id,
        median(lines.spend / lines.quantity) as median_price,
        min(lines.spend / lines.quantity) as lowest_price
    from lines
    inner join source_files on lines.week = source_files.week
    where lines.spend > 0
    group by source_files.load_id, lines.week, lines.product_id

)

select * from final
