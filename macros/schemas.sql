{# Layers are schemas: models/core/ builds into `core`, whatever the target's own schema is. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
