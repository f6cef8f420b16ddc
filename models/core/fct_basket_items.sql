with

transaction_lines as (

    select * from {{ ref('transaction_lines') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

caps as (

    select * from {{ ref('line_value_caps') }}

),

final as (

    select
        transaction_lines.file_name,
        transaction_lines.line_number,
        transaction_lines.basket_id,
        transaction_lines.customer_id,
        transaction_lines.product_id,
        transaction_lines.store_id,
        transaction_lines.week,
        weeks.week_index,
        transaction_lines.quantity,
        transaction_lines.spend,
        greatest(least(transaction_lines.quantity, caps.highest_quantity), caps.lowest_quantity) as winsorized_quantity,
        greatest(least(transaction_lines.spend, caps.highest_spend), caps.lowest_spend) as winsorized_spend,
        transaction_lines.purchased_on
    from transaction_lines
    inner join weeks on transaction_lines.week = weeks.week
    inner join caps on weeks.week_index = caps.week_index
    where weeks.weeks_to_target < 0

)

select * from final
