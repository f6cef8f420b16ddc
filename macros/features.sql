{# The levels at which an item is looked at, finest first. #}
{% macro item_levels() -%}
    {{ return(['product', 'subcategory', 'category', 'department', 'division']) }}
{%- endmacro %}


{# The kinds of offers: values of offer_type in core.fct_promotions. #}
{% macro offer_types() -%}
    {{ return(['mailer', 'display', 'price_drop']) }}
{%- endmacro %}


{# Whether a row is of the weeks that a prediction week looks back on: nothing earlier, and nothing of the week itself. #}
{% macro in_window(rows, windows='prediction_week') -%}
    {{ rows }}.week_index between {{ windows }}.window_first_week_index and {{ windows }}.window_last_week_index
{%- endmacro %}


{# Whether a row is of the last weeks of the window. A week's fingerprint covers its window: nothing may look further. #}
{% macro in_latest_weeks(weeks, rows, windows) -%}
    {{ rows }}.week_index > {{ windows }}.window_last_week_index - {{ weeks }} and {{ in_window(rows, windows) }}
{%- endmacro %}


{# Days since the purchase before; null where that one lies before the window. #}
{% macro gap_in_window(rows, windows='prediction_week') -%}
    case when {{ rows }}.previous_week_index >= {{ windows }}.window_first_week_index then {{ rows }}.gap_days end
{%- endmacro %}


{# Whether a version of a customer, product or store is the one that held in a week. The latest has no end. #}
{% macro is_valid_in(versions, week_index) -%}
    {{ week_index }} between {{ versions }}.valid_from_week_index
        and coalesce({{ versions }}.valid_to_week_index, {{ week_index }})
{%- endmacro %}


{# Whether a pair of the `prediction_week` that was not bought is one of those that the classifier learns from. The share
   is the same for all pairs of the week: LambdaRank compares pairs of a list, and a list with more frequent items than
   there are teaches a wrong order. #}
{% macro is_sampled_negative(customer_id, product_id) -%}
    {{ hash_share(
        "concat_ws('|', cast(prediction_week.prediction_week as string), " ~ customer_id ~ ", " ~ product_id ~ ")"
    ) }} < prediction_week.negative_sampling_share
{%- endmacro %}


{# Sums must not depend on the order in which threads add: they run over doubles that hold whole numbers (or
   fractions of a power of two), which add exactly. Money is counted in hundredths, quantities in thousandths. #}
{% macro exact(measure, column=none) -%}
    cast({{ column or measure }} * {{ exact_scale(measure) }} as double)
{%- endmacro %}

{% macro exact_scale(measure) -%}
    {{ return({'spend': 100, 'quantity': 1000}.get(measure, 1)) }}
{%- endmacro %}


{# The mean of shares, which have six decimals. Summed as whole millionths, so that halves round alike everywhere. #}
{% macro mean_share(column) -%}
    cast(round(avg(cast({{ column }} * 1000000 as double))) / 1000000 as float)
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


{# How much of a longer window's sum fell in its last weeks: spend_8_of_26_weeks … 1 is all of it, 0 is none, null is
   no sum at all. The windows' sums must be columns already. #}
{% macro window_ratios(measure, alias, windows=[1, 8, 26, 52]) -%}
    {%- for weeks in windows[:-1] -%}
    cast({{ alias }}.{{ measure }}_{{ weeks }}_weeks / nullif({{ alias }}.{{ measure }}_{{ windows[loop.index] }}_weeks, 0) as float)
            as {{ measure }}_{{ weeks }}_of_{{ windows[loop.index] }}_weeks
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{# Weeks as the bits of one number, the last week lowest; weeks before the last 62 have no bit. #}
{% macro week_bits(weeks_ago) -%}
    bit_or(case when {{ weeks_ago }} <= 62 then cast(1 as bigint) << ({{ weeks_ago }} - 1) else 0 end)
{%- endmacro %}

{# How many weeks in a row end with the last of them: the ones at the low end, once the weeks after it are cut off.
   (Adding 1 turns just these over.) #}
{% macro streak_weeks(week_bits, last_weeks_ago) -%}
    {%- set bits = '(' ~ week_bits ~ ' >> (' ~ last_weeks_ago ~ ' - 1))' -%}
    cast(bit_count({{ bits }} & ~({{ bits }} + 1)) as float)
{%- endmacro %}


{# Classes of baskets: by each attribute, the values whose share of purchases is a feature. #}
{% macro basket_classes() -%}
    {{ return({
        'basket_price_sensitivity': {'less_affluent': "'LA'", 'mid_market': "'MM'", 'up_market': "'UM'"},
        'basket_size': {'small_basket': "'S'", 'medium_basket': "'M'", 'large_basket': "'L'"},
        'basket_type': {'small_shop': "'Small Shop'", 'top_up': "'Top Up'", 'full_shop': "'Full Shop'"},
        'basket_mission': {'fresh': "'Fresh'", 'grocery': "'Grocery'", 'mixed': "'Mixed'", 'nonfood': "'Nonfood'"},
        'store_format': {
            'small_store': "'SS'", 'medium_store': "'MS'", 'large_store': "'LS'", 'extra_large_store': "'XLS'",
        },
        'day_part': {'morning': "'morning'", 'afternoon': "'afternoon'", 'evening': "'evening'"},
        'is_weekend': {'weekend': 'true'},
    }) }}
{%- endmacro %}

{# Sums of a measure over the baskets of each class, and over all whose class is known. #}
{% macro class_sums(measure) -%}
    {%- for attribute, classes in basket_classes().items() -%}
    {%- for class, value in classes.items() -%}
    sum(case when {{ attribute }} = {{ value }} then {{ measure }} else 0 end) as {{ class }}_{{ measure }},
        {% endfor -%}
    sum(case when {{ attribute }} is not null then {{ measure }} else 0 end) as {{ attribute }}_{{ measure }}
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}

{# The same sums, from rows that hold them for shorter times. #}
{% macro summed_class_sums(measure) -%}
    {%- for attribute, classes in basket_classes().items() -%}
    {%- for class in [attribute] + classes.keys() | list -%}
    sum({{ class }}_{{ measure }}) as {{ class }}_{{ measure }}
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
    {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}

{# Shares of the classes: of what was bought in baskets whose class is known. #}
{% macro class_shares(measure) -%}
    {%- for attribute, classes in basket_classes().items() -%}
    {%- set attribute_loop = loop -%}
    {%- for class in classes -%}
    cast({{ class }}_{{ measure }} / nullif({{ attribute }}_{{ measure }}, 0) as float) as {{ class }}_{{ measure }}_share
    {%- if not (loop.last and attribute_loop.last) %},
        {% endif -%}
    {%- endfor -%}
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
