{# Takes those weeks out of the model's own table for which some condition holds. #}
{% macro drop_weeks_where(week_column, condition) -%}
    {%- if execute -%}
        {%- set weeks = run_query('select distinct ' ~ week_column ~ ' from ' ~ this ~ ' where ' ~ condition).columns[0].values() -%}
        {{ drop_weeks(this, weeks, week_column) if weeks }}
    {%- endif -%}
{%- endmacro %}


{# A table of what was published or measured week by week: nothing makes it again, so that `--full-refresh` keeps it. #}
{% macro keep_history_by(key) -%}
    {{ return(dict(replace_by(key), full_refresh=false)) }}
{%- endmacro %}


{# Pre-hook of a mart that keeps past target weeks: clears the week that is being made, also where nothing will be
   written for it (replace_by would leave the rows of an earlier run standing). #}
{% macro clear_target_week() -%}
    {% if is_incremental() %}
        {{ drop_weeks_where(
            'target_week', 'target_week in (select week from ' ~ ref('dim_weeks') ~ ' where weeks_to_target = 0)'
        ) }}
    {% endif %}
{%- endmacro %}


{# What was bought in a week, of the rows of grid.customer_item_weeks: a string. #}
{% macro purchases_fingerprint() -%}
    cast({{ content_fingerprint(['customer_id', 'product_id']) }} as string)
{%- endmacro %}


{# Post-hook of a table of measurements: takes out the weeks that other code measured, those after the test week, and
   those whose purchases are other ones now (a row of before there were fingerprints has none, and goes too). What else
   has been corrected changes nothing that lists are held against. #}
{% macro forget_other_measurements() -%}
    {{ drop_weeks_where(
        'prediction_week',
        'code_version <> ' ~ run_variable('evaluation_code_version')
        ~ ' or prediction_week > (select max(prediction_week) from ' ~ ref('prediction_weeks')
        ~ " where week_role = 'test') or not exists (select 1 from (select week, " ~ purchases_fingerprint()
        ~ ' as purchases from ' ~ ref('customer_item_weeks')
        ~ ' group by week) as weeks where week = prediction_week and purchases = week_fingerprint)'
    ) }}
{%- endmacro %}


{# Pre-hook of a table that keeps, week by week, what it derived from files: takes out the weeks whose source is another
   one now, so that the model adds what is missing and a week that yields no rows any more keeps none. #}
{% macro forget_replaced_weeks(key, relation) -%}
    {% if is_incremental() -%}
        {{ drop_weeks_where('week', key ~ ' not in (select ' ~ key ~ ' from ' ~ relation ~ ')') }}
    {%- endif %}
{%- endmacro %}
