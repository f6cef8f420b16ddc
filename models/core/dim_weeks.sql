-- The one place where the target week is chosen; everything downstream counts from weeks_to_target.
{% set target_week = var('target_week') %}

with

weeks as (

    select * from {{ ref('weeks') }}

),

transaction_lines as (

    select * from {{ ref('transaction_lines') }}

),

lines_of_week as (

    select
        week,
        count(*) as lines,
        max(purchased_on) as last_purchased_on
    from transaction_lines
    group by week

),

loaded as (

    select
        weeks.*,
        coalesce(lines_of_week.lines, 0) as lines,
        min(case when lines_of_week.lines > 0 then weeks.week_index end) over () as first_loaded_week_index,
        max(case when lines_of_week.lines > 0 then weeks.week_index end) over () as last_loaded_week_index,
        {{ days_between('weeks.starts_on', 'lines_of_week.last_purchased_on') }} as last_day
    from weeks
    left join lines_of_week on weeks.week = lines_of_week.week

),

-- Nine of ten earlier weeks had purchases on this day or later: a shop that never opens on Sundays is done on Saturday,
-- and a holiday or two at a week's end make no half week a whole one.
usual_end as (

    select percentile_cont(0.1) within group (order by last_day) as last_day
    from loaded
    where week_index < last_loaded_week_index

),

-- A gap would read as nobody bought anything; and one line with a wrong year would move the target week.
gap as (

    select min(week) as week
    from loaded
    where lines = 0 and week_index between first_loaded_week_index and last_loaded_week_index

),

with_lines as (

    select
        loaded.week,
        loaded.week_index,
        loaded.starts_on,
        loaded.ends_on,
        loaded.lines,
        -- Only the newest week can be half full; in older ones a quiet last day is a holiday.
        coalesce(
            loaded.week_index < loaded.last_loaded_week_index
            or loaded.last_day >= {{ days_between('loaded.starts_on', 'loaded.ends_on') }}
            or loaded.last_day >= usual_end.last_day,
            false
        ) and loaded.lines > 0 as is_complete
    from loaded
    cross join usual_end

),

target as (

    select
        {% if target_week is none %}
            max(case when is_complete then week_index end) + 1 as week_index
        {% else %}
            max(case when week = {{ target_week | int }} then week_index end) as week_index
        {% endif %}
    from with_lines

),

checked_target as (

    select
        case
            when gap.week is not null
                then {{ fail_with(
                    "concat('week ', gap.week, ' has no transactions, while weeks before and after it have: load them,'"
                    ~ ", ' or mend the dates of what lies behind it')"
                ) }}
            when target.week_index is null
                {% if target_week is none %}
                then {{ fail_with("'no week is complete yet: load more days, or name a target_week'") }}
                {% else %}
                then {{ fail_with("'target_week " ~ target_week ~ " is not in the calendar of the retailer'") }}
                {% endif %}
            when not exists (
                select 1 from with_lines where with_lines.week_index = target.week_index - 1 and with_lines.lines > 0
            )
                then {{ fail_with("'the week before target_week " ~ target_week ~ " has no transactions'") }}
            else target.week_index
        end as week_index
    from target
    cross join gap

),

final as (

    select
        with_lines.week,
        with_lines.week_index,
        with_lines.week_index - checked_target.week_index as weeks_to_target,
        with_lines.lines,
        with_lines.is_complete,
        with_lines.starts_on,
        with_lines.ends_on
    from with_lines
    cross join checked_target

)

select * from final
