-- Names and types only; which lines are good is decided in stg_complete_journey__checked_lines.
with

transactions as (

    select * from {{ source('complete_journey', 'transactions') }}

),

final as (

    select
        'transactions.parquet' as file_name,
        file_row_number + 1 as line_number,
        household_id::varchar as customer_id,
        basket_id::varchar as basket_id,
        product_id::varchar as product_id,
        store_id::varchar as store_id,
        try_cast(week as integer) as week,
        try_cast(quantity as decimal(12, 3)) as quantity,
        try_cast(sales_value as decimal(12, 2)) as spend,
        -- The till writes UTC; the shop's weeks begin on Monday at midnight, local time.
        timezone('America/New_York', timezone('UTC', transaction_timestamp)) as purchased_at,
        purchased_at::date as purchased_on
    from transactions

)

select * from final
