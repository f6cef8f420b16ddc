{# Whether the customer belongs to the control group that gets nothing: the same customers in every week, and a
   larger share keeps those of a smaller one. #}
{% macro is_held_out(customer_id) -%}
    {{ hash_share("concat('holdout/', " ~ customer_id ~ ")") }} < {{ var('holdout_share') }}
{%- endmacro %}


{# The order of all lists, best first; the product breaks ties. #}
{% macro best_first(scores=none) -%}
    {%- set of = scores ~ '.' if scores else '' -%}
    {{ of }}ranking_score desc, {{ of }}purchase_probability desc, {{ of }}product_id asc
{%- endmacro %}
