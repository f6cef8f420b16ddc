-- What is known of the target week's baskets: the lines of a week that is still running, and the baskets of the file that
-- `open_baskets_path` names. Lines of a week that is over are no open basket, also when it is made again as a past one.
with

weeks as (

    select * from {{ ref('dim_weeks') }} where weeks_to_target = 0

),

transaction_lines as (

    select * from {{ ref('transaction_lines') }} where customer_id is not null

),

supplied as (

    select * from {{ ref('stg_supplied__checked_open_baskets') }}
    where not is_duplicate and rejection_reason is null

),

items as (

    select
        transaction_lines.customer_id,
        transaction_lines.product_id,
        false as is_from_file
    from transaction_lines
    inner join weeks on transaction_lines.week = weeks.week
    where not weeks.is_complete
    union all
    select
        customer_id,
        product_id,
        true as is_from_file
    from supplied

),

final as (

    select
        items.customer_id,
        items.product_id,
        max(weeks.week) as week,
        bool_or(items.is_from_file) as is_in_open_basket,
        bool_or(not items.is_from_file) as is_bought
    from items
    cross join weeks
    group by items.customer_id, items.product_id

)

select * from final
