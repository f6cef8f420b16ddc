{# The models that are measured side by side: the columns of ml.evaluation_scores. #}
{% macro evaluated_models() -%}
    {{ return([
        'lightgbm_lambdarank', 'lightgbm_binary', 'decayed_frequency', 'personal_frequency', 'popularity', 'als',
    ]) }}
{%- endmacro %}
