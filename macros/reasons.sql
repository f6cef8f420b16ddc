{# A true clause of a reason, from the row's own facts; null where there is nothing to say.
   `days_since_last_purchase` counts to the first day of the week. One interval between days is no cycle, nor is that of
   bursts, which the number of purchases would contradict, and a customer who has let three pass buys at that pace no
   more. #}
{% macro reason_clause(clause) -%}
    {%- if clause == 'history' -%}
        case
            when candidate_source in ('als', 'neighbours')
                then concat({{ novelty() }}, ': customers with baskets like yours buy it')
            when candidate_source = 'offer' and (is_in_mailer or is_price_dropped)
                then concat({{ novelty() }}, ': on offer, in a category that you buy')
            -- Nobody is proposed for an offer that nobody bought of late.
            when candidate_source in ('category', 'offer')
                then concat({{ novelty() }}, ': bought by others lately, in a category that you buy')
            when candidate_source = 'popularity' then concat({{ novelty() }}, ': among the most bought of late')
            when visits = 1 then concat('bought once in ', {{ window_words() }})
            else concat('bought ', visits, ' times in ', {{ window_words() }})
        end
    {%- elif clause == 'timing' -%}
        nullif(concat_ws(
            ', ',
            case
                when purchase_days < 3 or mean_gap_days > 2 * cycle_days or days_since_last_purchase > 3 * cycle_days
                    then null
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


{# How the customer stands to a product that was not bought in the window. #}
{% macro novelty() -%}
    case when was_bought_earlier then concat('not bought in ', {{ window_words() }}) else 'new to you' end
{%- endmacro %}


{% macro window_words() -%}
    case when window_weeks = 1 then 'the last week' else concat('the last ', window_weeks, ' weeks') end
{%- endmacro %}
