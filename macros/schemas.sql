{# Layers are schemas: models/core/ builds into `core`, whatever the target's own schema is. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}


{# An interrupted run leaves `…__dbt_tmp…` and `…__dbt_backup` tables behind, and so does every
   incremental Python model of dbt-duckdb: each run starts by sweeping them. #}
{% macro drop_leftover_tables() -%}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% set leftovers %}
            select table_schema, table_name, table_type
            from information_schema.tables
            where table_catalog = '{{ target.database }}'
                and (table_name like '%\_\_dbt\_tmp%' escape '\' or table_name like '%\_\_dbt\_backup' escape '\')
        {% endset %}
        {% for leftover in run_query(leftovers) %}
            {% do adapter.drop_relation(api.Relation.create(
                database=target.database,
                schema=leftover[0],
                identifier=leftover[1],
                type='view' if leftover[2] == 'VIEW' else 'table',
            )) %}
        {% endfor %}
    {% endif %}
{%- endmacro %}
