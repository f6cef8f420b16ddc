-- Percentiles over 52 weeks of lines cost little when taken from weekly histograms: a week's values repeat.
{% set lower = var('winsorize_lower') %}
{% set upper = var('winsorize_upper') %}

with

transaction_lines as (

    select * from {{ ref('transaction_lines') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

line_values as (

    select week, 'quantity' as measure, quantity as line_value from transaction_lines
    union all
    select week, 'spend' as measure, spend as line_value from transaction_lines

),

weekly_histograms as (

    select
        weeks.week_index,
        line_values.measure,
        line_values.line_value,
        count(*) as lines
    from line_values
    inner join weeks on line_values.week = weeks.week
    where weeks.weeks_to_target < 0
    group by weeks.week_index, line_values.measure, line_values.line_value

),

cap_weeks as (

    select distinct week_index from weekly_histograms

),

window_histograms as (

    select
        cap_weeks.week_index,
        weekly_histograms.measure,
        weekly_histograms.line_value,
        sum(weekly_histograms.lines) as lines
    from cap_weeks
    inner join weekly_histograms
        on weekly_histograms.week_index > cap_weeks.week_index - {{ var('observation_weeks') }}
        and cap_weeks.week_index >= weekly_histograms.week_index
    group by cap_weeks.week_index, weekly_histograms.measure, weekly_histograms.line_value

),

cumulated as (

    select
        *,
        sum(lines) over (
            partition by week_index, measure
            order by line_value asc nulls last
            rows between unbounded preceding and current row
        ) as lines_up_to_value,
        sum(lines) over (partition by week_index, measure) as all_lines
    from window_histograms

),

final as (

    select
        week_index,
        {% for measure in ['quantity', 'spend'] %}
            min(case when measure = '{{ measure }}' and lines_up_to_value >= {{ lower }} * all_lines then line_value end)
                as lowest_{{ measure }},
            min(case when measure = '{{ measure }}' and lines_up_to_value >= {{ upper }} * all_lines then line_value end)
                as highest_{{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from cumulated
    group by week_index

)

select * from final
