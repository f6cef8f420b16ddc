{# What our materializations share: a table that several queries write, one after the other, each giving some of its rows.

   The new table stands beside the present one until it is complete, and then takes its place. Where weeks are kept, the
   stale ones leave the present table instead, and the rows of the queries join it. #}
{% macro write_in_parts(queries, week_column=none, weeks={'kept': [], 'stale': []}) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {%- set backup = make_backup_relation(target_relation, existing.type if existing else 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- if weeks.kept -%}
        {%- call statement('main') -%}
            {{ drop_weeks(this, weeks.stale, week_column) if weeks.stale else 'select 1' }}
        {%- endcall -%}
        {%- do append_queries(this, queries) -%}
    {%- else -%}
        {%- call statement('main') -%}
            {%- if week_column is none -%}
                {{ create_table_as(False, intermediate, queries[0]) }}
            {%- else -%}
                {{ create_weekly_table(intermediate, queries[0], week_column) }}
            {%- endif -%}
        {%- endcall -%}
        {%- do append_queries(intermediate, queries[1:]) -%}
        {%- if existing is not none -%}{%- do adapter.rename_relation(existing, backup) -%}{%- endif -%}
        {%- do adapter.rename_relation(intermediate, target_relation) -%}
    {%- endif -%}
    {% do persist_docs(target_relation, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ drop_relation_if_exists(backup) }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{%- endmacro %}


{# Adds the rows of some queries to a table. #}
{% macro append_queries(relation, queries) -%}
    {%- for query in queries -%}
        {%- do run_query('insert into ' ~ relation ~ ' by name ' ~ query) -%}
    {%- endfor -%}
{%- endmacro %}
