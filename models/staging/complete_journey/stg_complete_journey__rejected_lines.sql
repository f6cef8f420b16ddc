with

checked_lines as (

    select * from {{ ref('stg_complete_journey__checked_lines') }}

),

transactions as (

    select * from {{ source('complete_journey', 'transactions') }}

),

final as (

    select
        checked_lines.file_name,
        checked_lines.line_number,
        to_json(struct_pack(
            household_id := transactions.household_id,
            store_id := transactions.store_id,
            basket_id := transactions.basket_id,
            product_id := transactions.product_id,
            quantity := transactions.quantity,
            sales_value := transactions.sales_value,
            week := transactions.week,
            transaction_timestamp := transactions.transaction_timestamp
        ))::varchar as raw_line,
        checked_lines.rejection_reason as reason
    from checked_lines
    inner join transactions on checked_lines.line_number = transactions.file_row_number + 1
    where checked_lines.rejection_reason is not null and not checked_lines.is_duplicate

)

select * from final
