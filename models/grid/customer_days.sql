with

baskets as (

    select * from {{ ref('fct_baskets') }}

),

days as (

    select
        customer_id,
        purchased_on,
        min(week_index) as week_index,
        cast(count(*) as integer) as visits,
        cast(sum(products) as integer) as products,
        cast(sum(quantity) as decimal(12, 3)) as quantity,
        cast(sum(spend) as decimal(12, 2)) as spend
    from baskets
    where customer_id is not null
    group by customer_id, purchased_on

),

with_previous as (

    select
        *,
        lag(purchased_on) over visits_in_order as previous_purchased_on,
        lag(week_index) over visits_in_order as previous_week_index,
        row_number() over visits_in_order as shopping_day_number
    from days
    window visits_in_order as (partition by customer_id order by purchased_on)

),

final as (

    select
        {{ surrogate_key(['customer_id']) }} as customer_key,
        customer_id,
        week_index,
        previous_week_index,
        cast(shopping_day_number as integer) as shopping_day_number,
        visits,
        products,
        quantity,
        spend,
        cast({{ days_between('previous_purchased_on', 'purchased_on') }} as integer) as gap_days,
        purchased_on
    from with_previous

)

select * from final
