{# Values outside a closed range. Null passes: whether it may be null is another test's matter. #}
{% test between(model, column_name, minimum, maximum) %}
    select {{ column_name }}
    from {{ model }}
    where {{ column_name }} < {{ minimum }} or {{ column_name }} > {{ maximum }}
{% endtest %}
