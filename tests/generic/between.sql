{# Values outside a closed range. Null passes: whether it may be null is another test's matter. A range that follows a
   var holds for the target week only, where a table keeps weeks that were made with the vars of their time. #}
{% test between(model, column_name, minimum, maximum, of_target_week=false) %}
    select {{ column_name }}
    from {{ model }}
    where
        ({{ column_name }} < {{ minimum }} or {{ column_name }} > {{ maximum }})
        {% if of_target_week -%}
        and target_week in (select week from {{ ref('dim_weeks') }} where weeks_to_target = 0)
        {%- endif %}
{% endtest %}
