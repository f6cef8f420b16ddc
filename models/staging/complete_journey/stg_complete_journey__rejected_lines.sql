with

checked_lines as (

    select * from {{ ref('stg_complete_journey__checked_lines') }}

),

transactions as (

    select *, {{ file_row_number() }} + 1 as line_number from {{ source('complete_journey', 'transactions') }}

),

final as (

    select
        checked_lines.file_name,
        checked_lines.line_number,
        {{ as_json('transactions', [
            'household_id', 'store_id', 'basket_id', 'product_id', 'quantity', 'sales_value', 'week',
            'transaction_timestamp',
        ]) }} as raw_line,
        checked_lines.rejection_reason as reason
    from checked_lines
    inner join transactions on checked_lines.line_number = transactions.line_number
    where checked_lines.rejection_reason is not null and not checked_lines.is_duplicate

)

select * from final
