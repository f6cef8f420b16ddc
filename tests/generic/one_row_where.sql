{# The number of rows that meet the condition, where it is not one. #}
{% test one_row_where(model, condition) %}
    select count(*) as matching_rows
    from {{ model }}
    where {{ condition }}
    having count(*) <> 1
{% endtest %}
