-- The package has week numbers but no calendar. The Monday before week 1 is the same whichever line it is
-- worked out from; the most common one is taken, so that a single wrong line cannot move the year.
{% set first_monday = "date '1970-01-05'" %}

with

transactions as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

-- In days since the first Monday of 1970: the number of a wrong week may be larger than any date.
counted_weeks as (

    select
        week,
        {{ days_between(first_monday, week_start('purchased_on')) }} - 7 * week::bigint as week_zero_day
    from transactions

),

week_zero as (

    select mode(week_zero_day) as week_zero_day from counted_weeks

),

-- Nor can a single wrong line make the year longer: the last week is one in which a line is dated.
calendar as (

    select
        {{ add_days(first_monday, 'max(week_zero.week_zero_day::integer)') }} as week_zero_starts_on,
        max(counted_weeks.week) as last_week
    from counted_weeks
    inner join week_zero on counted_weeks.week_zero_day = week_zero.week_zero_day

),

weeks as (

    select {{ series('1', 'last_week + 1') }} as week, week_zero_starts_on from calendar

),

final as (

    select
        week::integer as week,
        week::integer as week_index,
        (week_zero_starts_on + 7 * week::integer)::date as starts_on,
        (week_zero_starts_on + 7 * week::integer + 6)::date as ends_on
    from weeks

)

select * from final
