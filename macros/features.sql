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
    {%- set keys = ['prediction_week', 'build_fingerprint', 'customer_id', 'product_id', 'item_level', 'customer_key', 'item_key', 'product_key'] -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | reject('in', keys) | list -%}
    {%- for column in columns %}
        {{ alias }}.{{ column }} as {{ prefix }}{{ column }}{{ "," if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# Hazards are estimated per band of purchase number and per band of weeks since the last purchase. #}
{% macro purchase_band(purchase_number) -%}
    case
            when {{ purchase_number }} <= 3 then {{ purchase_number }}
            when {{ purchase_number }} <= 6 then 4
            when {{ purchase_number }} <= 12 then 7
            else 13
        end
{%- endmacro %}

{% macro elapsed_bands() -%}
    {{ return([(1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 9), (10, 13), (14, 19), (20, 29), (30, 1000)]) }}
{%- endmacro %}

{# The bands as rows of first_week and last_week. #}
{% macro elapsed_bands_rows() -%}
    {%- for first_week, last_week in elapsed_bands() -%}
    select {{ first_week }} as first_week, {{ last_week }} as last_week
    {{- " union all " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# The first week of the band that some number of weeks lies in. #}
{% macro elapsed_band(weeks) -%}
    case
            {%- for first_week, last_week in elapsed_bands() %}
            when {{ weeks }} <= {{ last_week }} then {{ first_week }}
            {%- endfor %}
        end
{%- endmacro %}

{# Weeks at risk that the coarser estimate counts for when a finer one is shrunk to it. #}
{% macro hazard_prior_weeks() -%}
    20
{%- endmacro %}
