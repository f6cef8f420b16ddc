{# What the load of LGSR files finds on its connection. As a hook it also begins the transaction that the load needs.
   The rules for lines become a DuckDB macro, so that the library judges lines by line_rejection_reason() and by
   nothing else. #}
{% macro prepare_lgsr_load() -%}
    create or replace temp macro line_rejection_reason(
        product_id, basket_id, quantity, spend, purchased_on, starts_on, ends_on, excluded_department_id
    ) as {{ line_rejection_reason() }};
    {% if flags.FULL_REFRESH %}
        drop schema if exists landing cascade;
    {% endif %}
{%- endmacro %}
