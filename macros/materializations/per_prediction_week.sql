{# `materialized: per_prediction_week`: a table that is built one prediction week at a time, and keeps its weeks.

   The model's SQL describes one week, {{ prediction_week() }}; this materialization runs it for each week of
   ref('prediction_weeks') that the table does not hold yet and appends the rows. Memory is bounded by one week,
   and a weekly run computes the new week only. Where even a week is too much, the model keeps its inputs to
   {{ customer_slice('customer_key') }}, and the active customers are taken some thousand at a time. #}

{% macro prediction_week() -%}
    __prediction_week__
{%- endmacro %}


{% macro queries_for_prediction_weeks(weeks) -%}
    {%- set queries = [] -%}
    {%- for week in weeks -%}
        {%- do queries.extend(in_customer_slices(
            sql | replace('__prediction_week__', week),
            'select active_customers from ' ~ ref('prediction_weeks') ~ ' where prediction_week = ' ~ week
        )) -%}
    {%- endfor -%}
    {{ return(queries) }}
{%- endmacro %}


{% materialization per_prediction_week, default, supported_languages=['sql'] %}
    {{ return(keep_weeks(ref('prediction_weeks'), 'prediction_week', queries_for_prediction_weeks)) }}
{% endmaterialization %}
