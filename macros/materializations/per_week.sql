{# `materialized: per_week`: a table of weeks with purchases that is built some weeks at a time, and keeps its weeks.

   The model's SQL keeps its lines to {{ week_slice('week_index') }}; this materialization runs it for the weeks of
   ref('observed_weeks') that the table does not hold yet, neighbours together while they have no more than
   `lines_at_a_time` lines. What a slice needs stays in memory however long the history is, and a weekly run computes the
   new week only. #}

{# Where nobody replaces the weeks, as in unit tests, the one slice holds all of them. #}
{% macro week_slice(week_index) -%}
    {{ week_index }} between /* first week */ 0 and /* last week */ 2147483647
{%- endmacro %}


{% macro queries_for_weeks(weeks) -%}
    {%- set lines_of = {} -%}
    {%- for row in run_query('select week_index, lines from ' ~ ref('observed_weeks')) -%}
        {%- do lines_of.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set slices = [] -%}
    {%- for week in weeks -%}
        {%- set slice = slices[-1] if slices else none -%}
        {%- if slice and week == slice.last + 1 and slice.lines + lines_of[week] <= lines_at_a_time() -%}
            {%- do slice.update({'last': week, 'lines': slice.lines + lines_of[week]}) -%}
        {%- else -%}
            {%- do slices.append({'first': week, 'last': week, 'lines': lines_of[week]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set queries = [] -%}
    {%- for slice in slices -%}
        {%- do queries.append(
            sql
            | replace('/* first week */ 0', slice.first)
            | replace('/* last week */ 2147483647', slice.last)
        ) -%}
    {%- endfor -%}
    {{ return(queries) }}
{%- endmacro %}


{% materialization per_week, default, supported_languages=['sql'] %}
    {{ return(keep_weeks(ref('observed_weeks'), 'week_index', queries_for_weeks)) }}
{% endmaterialization %}
