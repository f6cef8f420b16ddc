-- Names and types only; which lines are good is decided in stg_complete_journey__checked_lines.
with

transactions as (

    select *, {{ file_row_number() }} + 1 as line_number from {{ source('complete_journey', 'transactions') }}

),

final as (

    select
        'transactions.parquet' as file_name,
        line_number,
        {{ id_text('household_id') }} as customer_id,
        {{ id_text('basket_id') }} as basket_id,
        {{ id_text('product_id') }} as product_id,
        {{ id_text('store_id') }} as store_id,
        {{ whole_number('week') }} as week,
        try_cast(quantity as decimal(12, 3)) as quantity,
        try_cast(sales_value as decimal(12, 2)) as spend,
        -- The till writes UTC; the shop's weeks begin on Monday at midnight, local time. A date without a time is local.
        case
            when lower(typeof(transaction_timestamp)) = 'date' then transaction_timestamp::timestamp
            else {{ local_time('transaction_timestamp', 'America/New_York') }}
        end as purchased_at,
        purchased_at::date as purchased_on
    from transactions

)

select * from final
