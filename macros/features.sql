{# The levels at which an item is looked at, finest first. #}
{% macro item_levels() -%}
    {{ return(['product', 'subcategory', 'category', 'department', 'division']) }}
{%- endmacro %}


{# Whether a pair that was not bought is one of those that the classifier learns from. The share is the same for all
   pairs: LambdaRank compares pairs of a list, and a list with more frequent items than there are teaches a wrong order. #}
{% macro is_sampled_negative(prediction_week, customer_id, product_id) -%}
    {{ hash_share("concat_ws('|', cast(" ~ prediction_week ~ " as varchar), " ~ customer_id ~ ", " ~ product_id ~ ")") }}
    < {{ var('negative_sampling_share') }}
{%- endmacro %}


{# Sums must not depend on the order in which threads add: they run over doubles that hold whole numbers (or
   fractions of a power of two), which add exactly. Money is counted in hundredths, quantities in thousandths. #}
{% macro exact(measure) -%}
    cast({{ measure }} * {{ exact_scale(measure) }} as double)
{%- endmacro %}

{% macro exact_scale(measure) -%}
    {{ return({'spend': 100, 'quantity': 1000}.get(measure.split('.') | last, 1)) }}
{%- endmacro %}


{# Sums of a measure over the last weeks, one column per window: spend_1_weeks, spend_8_weeks …
   `weeks_ago` is 1 for the week before the prediction week. #}
{% macro window_sums(measure, windows=[1, 8, 26, 52]) -%}
    {%- for weeks in windows -%}
    cast(sum(case when weeks_ago <= {{ weeks }} then {{ exact(measure) }} else 0 end) / {{ exact_scale(measure) }} as float)
            as {{ measure }}_{{ weeks }}_weeks
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{# Sums in which a purchase weighs half as much after each half-life: visits_decayed_8_weeks … #}
{% macro decayed_sums(measure, half_lives=[8, 16]) -%}
    {%- for half_life in half_lives -%}
    cast(sum({{ measure }} * round(power(0.5, (weeks_ago - 1) / {{ half_life }}.0) * 1048576)) / 1048576 as float)
            as {{ measure }}_decayed_{{ half_life }}_weeks
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{# The columns of a feature model that are features: all but its keys. With a prefix for the level it is joined at. #}
{% macro feature_columns(relation, alias, prefix='') -%}
    {%- set keys = ['prediction_week', 'build_fingerprint', 'customer_id', 'product_id', 'item_level', 'customer_key', 'item_key'] -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | reject('in', keys) | list -%}
    {%- for column in columns %}
        {{ alias }}.{{ column }} as {{ prefix }}{{ column }}{{ "," if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
