{{
    config(
        pre_hook="{{ forget_replaced_weeks('load_id', ref('stg_lgsr__source_files')) }}",
        **replace_by('week')
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
        median(cast(lines.spend as double) / cast(lines.quantity as double)) as median_price,
        min(cast(lines.spend as double) / cast(lines.quantity as double)) as lowest_price
    from lines
    inner join source_files on lines.week = source_files.week
    where lines.spend > 0
    group by source_files.load_id, lines.week, lines.product_id

)

select * from final
