with

customers as (

    select * from {{ ref('customers') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

final as (

    select
        {{ surrogate_key(['customers.customer_id']) }} as customer_key,
        customers.customer_id,
        customers.lifestage,
        customers.price_sensitivity,
        customers.age_band,
        customers.income_band,
        customers.household_size,
        customers.household_composition,
        weeks.week_index as valid_from_week_index,
        lead(weeks.week_index) over (
            partition by customers.customer_id order by weeks.week_index
        ) - 1 as valid_to_week_index
    from customers
    inner join weeks on customers.valid_from_week = weeks.week
    where weeks.weeks_to_target < 0

)

select * from final
