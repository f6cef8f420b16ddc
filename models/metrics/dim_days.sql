-- The time spine: every day of the calendar.
with

weeks as (

    select * from {{ ref('dim_weeks') }}

),

final as (

    select
        week,
        cast({{ add_days('starts_on', 'day_number') }} as date) as date_day
    from weeks
    cross join (select unnest(range(7)) as day_number) as days
    where {{ add_days('starts_on', 'day_number') }} <= ends_on

)

select * from final
