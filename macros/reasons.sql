{# A true clause of a reason, from the row's own facts; null where there is nothing to say.
   `days_since_last_purchase` counts to the first day of the week. #}
{% macro reason_clause(clause) -%}
    {%- if clause == 'history' -%}
        case
            when candidate_source in ('als', 'neighbours') then 'new to you: customers with baskets like yours buy it'
            when candidate_source = 'category' then 'new to you: much bought lately, in a category that you buy'
            when candidate_source = 'offer' then 'new to you: on offer, in a category that you buy'
            when candidate_source = 'popularity' then 'new to you: among the most bought of the last four weeks'
            when visits = 1 then concat('bought once in the last ', window_weeks, ' weeks')
            else concat('bought ', visits, ' times in the last ', window_weeks, ' weeks')
        end
    {%- elif clause == 'timing' -%}
        nullif(concat_ws(
            ', ',
            case
                when cycle_days = 1 then 'about every day'
                when cycle_days > 1 then concat('about every ', cycle_days, ' days')
            end,
            case
                when days_since_last_purchase = 1 then 'last bought the day before the week began'
                when days_since_last_purchase > 1
                    then concat('last bought ', days_since_last_purchase, ' days before the week began')
            end
        ), '')
    {%- elif clause == 'offer' -%}
        nullif(concat_ws(
            ', ',
            case when is_in_mailer then 'in this week''s mailer' end,
            case when is_on_display then 'on display this week' end,
            case when is_price_dropped then 'its price has dropped' end
        ), '')
    {%- endif -%}
{%- endmacro %}
