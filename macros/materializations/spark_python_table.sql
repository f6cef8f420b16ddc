{# dbt-spark drops the table of a Python model before the model runs; ours read what the last build left in it, and what
   they return takes its place when it is complete (`Session.save`). #}
{% materialization table, adapter='spark', supported_languages=['sql', 'python'] %}
    {%- if model['language'] == 'sql' -%}
        {{ return(dbt.materialization_table_spark()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement('main', language='python') -%}
        {{ create_table_as(False, target_relation, compiled_code, 'python') }}
    {%- endcall -%}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
