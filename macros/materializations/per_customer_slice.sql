{# `materialized: per_customer_slice`: a table that is built some thousand customers at a time.

   The model keeps its inputs to {{ customer_slice('customer_key') }}, a range of the hashed key, and this materialization
   runs its SQL for one range after the other: what a slice needs stays in memory however many customers there are. The
   rows lie in the table slice after slice, so that whoever asks for a range of customers reads no others.

   The number of customers comes from dim_customers, which the model has to name. #}

{# Where nobody replaces the keys, as in unit tests, the one slice holds all customers. #}
{% macro customer_slice(customer_key) -%}
    {{ customer_key }} between /* first key */ 0 and /* last key */ 9223372036854775807
{%- endmacro %}


{# A query once for each slice of so many customers; as it is where it asks for no slice. #}
{% macro in_customer_slices(query, customers_query) -%}
    {%- if '/* first key */' not in query -%}
        {{ return([query]) }}
    {%- endif -%}
    {%- set queries = [] -%}
    {%- for first_key, last_key in customer_slices(customers_query) -%}
        {%- do queries.append(
            query
            | replace('/* first key */ 0', first_key)
            | replace('/* last key */ 9223372036854775807', last_key)
        ) -%}
    {%- endfor -%}
    {{ return(queries) }}
{%- endmacro %}


{# Adds the rows of some queries to a table. #}
{% macro append_queries(relation, queries) -%}
    {%- for query in queries -%}
        {%- do run_query('insert into ' ~ relation ~ ' by name ' ~ query) -%}
    {%- endfor -%}
{%- endmacro %}


{# Puts a finished table in the place of the one that readers know. #}
{% macro swap_in(intermediate, target_relation, existing, backup) -%}
    {%- if existing is not none -%}{%- do adapter.rename_relation(existing, backup) -%}{%- endif -%}
    {%- do adapter.rename_relation(intermediate, target_relation) -%}
{%- endmacro %}


{% materialization per_customer_slice, default, supported_languages=['sql'] %}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {%- set backup = make_backup_relation(target_relation, 'table') -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {%- set queries = in_customer_slices(sql, 'select count(*) from ' ~ ref('dim_customers')) -%}
    {%- call statement('main') -%}
        {{ create_table_as(False, intermediate, queries[0]) }}
    {%- endcall -%}
    {%- do append_queries(intermediate, queries[1:]) -%}
    {%- do swap_in(intermediate, target_relation, existing, backup) -%}
    {% do persist_docs(target_relation, model) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ drop_relation_if_exists(backup) }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
