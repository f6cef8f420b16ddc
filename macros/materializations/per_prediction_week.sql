{# `materialized: per_prediction_week`: a table that is built one prediction week at a time.

   The model's SQL describes one week, {{ prediction_week() }}; this materialization runs it for each week of
   ref('prediction_weeks') that the table does not hold yet and appends the rows. Memory is bounded by one week,
   and a weekly run computes the new week only. Where even a week is too much, the model keeps its inputs to
   {{ customer_slice('customer_key') }}, and the active customers are taken some thousand at a time.

   A stored week is kept while its build_fingerprint (the content of its window, the code, the vars) is the one
   that prediction_weeks gives; otherwise it is computed again. Weeks that are no longer predicted are dropped,
   so that the table is always what a build from nothing would give. #}

{% macro prediction_week() -%}
    __prediction_week__
{%- endmacro %}


{% materialization per_prediction_week, default, supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {%- set backup = make_backup_relation(target_relation, 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set wanted = {} -%}
    {%- for row in run_query('select prediction_week, build_fingerprint from ' ~ ref('prediction_weeks') ~ ' order by 1') -%}
        {%- do wanted.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set kept, stale = [], [] -%}
    {%- if existing is not none and not should_full_refresh() -%}
        {%- for row in run_query('select distinct prediction_week, build_fingerprint from ' ~ this) -%}
            {%- do (kept if wanted.get(row[0]) == row[1] else stale).append(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set to_build = wanted.keys() | reject('in', kept) | list -%}
    {{ log('     ' ~ this.identifier ~ ': ' ~ to_build | length ~ ' prediction weeks to build, '
           ~ kept | length ~ ' kept', info=True) }}
    {%- set queries = [] -%}
    {%- for week in to_build -%}
        {%- do queries.extend(in_customer_slices(
            sql | replace('__prediction_week__', week),
            'select active_customers from ' ~ ref('prediction_weeks') ~ ' where prediction_week = ' ~ week
        )) -%}
    {%- endfor -%}

    {%- if kept -%}
        {%- call statement('main') -%}
            {{ drop_weeks(this, stale) if stale else 'select 1' }}
        {%- endcall -%}
        {%- set destination = this -%}
    {%- else -%}
        {%- call statement('main') -%}
            {{ create_weekly_table(intermediate, queries[0]) }}
        {%- endcall -%}
        {%- set destination = intermediate -%}
        {%- set queries = queries[1:] -%}
    {%- endif -%}
    {%- do append_queries(destination, queries) -%}
    {%- if not kept -%}
        {%- do swap_in(intermediate, target_relation, existing, backup) -%}
    {%- endif -%}
    {% do persist_docs(target_relation, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ drop_relation_if_exists(backup) }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
