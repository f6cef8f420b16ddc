-- The package has week numbers but no calendar. The Monday before week 1 is the same whichever line it is
-- worked out from; the most common one is taken, so that a single wrong line cannot move the year.
with

transactions as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

calendar as (

    select
        mode({{ week_start('purchased_on') }} - 7 * week) as week_zero_starts_on,
        max(week) as last_week
    from transactions

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
