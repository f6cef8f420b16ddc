{# The models that are measured side by side: the columns of ml.evaluation_scores. #}
{% macro evaluated_models() -%}
    {{ return([
        'lightgbm_lambdarank', 'lightgbm_binary', 'tifu_knn', 'decayed_frequency', 'personal_frequency', 'user_knn',
        'popularity', 'als',
    ]) }}
{%- endmacro %}


{# What of a customer's purchases a list is held against. #}
{% macro evaluation_scopes() -%}
    {{ return(['all', 'repeat', 'new']) }}
{%- endmacro %}
