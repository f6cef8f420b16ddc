{# Whether the customer belongs to the control group that gets nothing: the same customers in every week, and a
   larger share keeps those of a smaller one. #}
{% macro is_held_out(customer_id) -%}
    {{ hash_share("concat('holdout/', " ~ customer_id ~ ")") }} < {{ var('holdout_share') }}
{%- endmacro %}


{# Pre-hook of a mart that keeps past target weeks: clears the week that is being made, also where nothing will be
   written for it (delete+insert would leave the rows of an earlier run standing). #}
{% macro clear_target_week() -%}
    {% if is_incremental() %}
        delete from {{ this }} where target_week in (select week from {{ ref('dim_weeks') }} where weeks_to_target = 0)
    {% endif %}
{%- endmacro %}
