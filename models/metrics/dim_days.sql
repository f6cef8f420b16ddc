-- The time spine: every day of the calendar.
with

weeks as (

    select * from {{ ref('dim_weeks') }}

),

days as (

    select {{ series(0, 6) }} as day_number

),

final as (

    select
        weeks.week,
        {{ add_days('weeks.starts_on', 'days.day_number') }} as date_day
    from weeks
    cross join days
    where {{ add_days('weeks.starts_on', 'days.day_number') }} <= weeks.ends_on

)

select * from final
