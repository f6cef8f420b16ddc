{# What `per_prediction_week` and `per_week` share: a table that keeps its weeks.

   A stored week is kept while its build_fingerprint (the content that it is made of, the code, the vars) is the one that
   `weeks_relation` gives, there by the same name or by that in the model's meta, `kept_by`; otherwise it is computed again.
   Weeks that are no longer there are dropped, so that the table is always what a build from nothing would give.
   `queries_for` makes queries of the model's SQL: together they give the rows of the weeks that it is called with. #}
{% macro keep_weeks(weeks_relation, week_column, queries_for) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {%- set backup = make_backup_relation(target_relation, 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set weeks = compare_weeks(existing, weeks_relation, week_column) -%}
    {{ log('     ' ~ this.identifier ~ ': ' ~ weeks.to_build | length ~ ' weeks to build, '
           ~ weeks.kept | length ~ ' kept', info=True) }}
    {%- set queries = queries_for(weeks.to_build) -%}
    {%- if weeks.kept -%}
        {%- call statement('main') -%}
            {{ drop_weeks(this, weeks.stale, week_column) if weeks.stale else 'select 1' }}
        {%- endcall -%}
        {%- do append_queries(this, queries) -%}
    {%- else -%}
        {%- call statement('main') -%}
            {{ create_weekly_table(intermediate, queries[0], week_column) }}
        {%- endcall -%}
        {%- do append_queries(intermediate, queries[1:]) -%}
        {%- do swap_in(intermediate, target_relation, existing, backup) -%}
    {%- endif -%}
    {% do persist_docs(target_relation, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ drop_relation_if_exists(backup) }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}


{# The weeks of a relation, in order, that the table has to build, those that it keeps, and those of it that are stale. #}
{% macro compare_weeks(existing, weeks_relation, week_column) -%}
    {%- set wanted = {} -%}
    {%- set fingerprint = config.get('meta', {}).get('kept_by', 'build_fingerprint') -%}
    {%- for row in run_query('select ' ~ week_column ~ ', ' ~ fingerprint ~ ' from ' ~ weeks_relation ~ ' order by 1') -%}
        {%- do wanted.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set kept, stale = [], [] -%}
    {%- set columns = [] if existing is none else adapter.get_columns_in_relation(existing) | map(attribute='name') | list -%}
    {%- if 'build_fingerprint' in columns and not should_full_refresh() -%}
        {%- for row in run_query('select distinct ' ~ week_column ~ ', build_fingerprint from ' ~ existing) -%}
            {%- do (kept if wanted.get(row[0]) == row[1] else stale).append(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return({'to_build': wanted.keys() | reject('in', kept) | list, 'kept': kept, 'stale': stale}) }}
{%- endmacro %}
