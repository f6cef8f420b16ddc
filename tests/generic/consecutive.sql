{# Values that are not one more than the value before. #}
{% test consecutive(model, column_name) %}
    select *
    from (
        select {{ column_name }}, lag({{ column_name }}) over (order by {{ column_name }}) as previous_value
        from {{ model }}
    ) as in_order
    where {{ column_name }} <> previous_value + 1
{% endtest %}
