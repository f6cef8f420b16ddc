{# One true sentence from the row's own facts. `days_since_last_purchase` counts to the first day of the week. #}
{% macro recommendation_reason() -%}
    concat(
        case
            when candidate_source in ('als', 'neighbours') then 'New to you: customers with baskets like yours buy it'
            when candidate_source = 'category' then 'New to you: much bought lately, in a category that you buy'
            when candidate_source = 'offer' then 'New to you: on offer, in a category that you buy'
            when candidate_source = 'popularity' then 'New to you: among the most bought of the last four weeks'
            when visits = 1 then concat('Bought once in the last ', window_weeks, ' weeks')
            else concat('Bought ', visits, ' times in the last ', window_weeks, ' weeks')
        end,
        case
            when cycle_days = 1 then ', about every day'
            when cycle_days > 1 then concat(', about every ', cycle_days, ' days')
            else ''
        end,
        case
            when days_since_last_purchase = 1 then '; last bought the day before the week began'
            when days_since_last_purchase > 1
                then concat('; last bought ', days_since_last_purchase, ' days before the week began')
            else ''
        end,
        case when is_in_mailer then '; in this week''s mailer' else '' end,
        case when is_on_display then '; on display this week' else '' end,
        case when is_price_dropped then '; its price has dropped' else '' end,
        '.'
    )
{%- endmacro %}
