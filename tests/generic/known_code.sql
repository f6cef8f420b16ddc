{# Codes of a column that the seed lgsr_code_labels does not list under the attribute, and how often they occur. #}
{% test known_code(model, column_name, attribute) %}
    select
        {{ column_name }} as code,
        count(*) as occurrences
    from {{ model }}
    where
        {{ column_name }} is not null
        and {{ column_name }} not in (
            select code from {{ ref('lgsr_code_labels') }} where attribute = '{{ attribute }}'
        )
    group by {{ column_name }}
{% endtest %}
