{# The few places where engines differ. Everything else in models/ is SQL that DuckDB and Spark share. #}

{# Monday of the date's week, as a date. #}
{% macro week_start(date_expression) -%}
    cast({{ dbt.date_trunc('week', date_expression) }} as date)
{%- endmacro %}


{# The date some days later (or earlier, for negative days), as a date. #}
{% macro add_days(date_expression, days) -%}
    cast({{ dbt.dateadd('day', days, date_expression) }} as date)
{%- endmacro %}


{# Whole days from one date to another. #}
{% macro days_between(from_date, to_date) -%}
    {{ dbt.datediff(from_date, to_date, 'day') }}
{%- endmacro %}


{# Stops the query with a message for the user. Use it where no row could be right. #}
{% macro fail_with(message_expression) -%}
    {{ return(adapter.dispatch('fail_with')(message_expression)) }}
{%- endmacro %}

{% macro default__fail_with(message_expression) -%}
    error({{ message_expression }})
{%- endmacro %}

{% macro spark__fail_with(message_expression) -%}
    raise_error({{ message_expression }})
{%- endmacro %}


{# When this run of dbt began, UTC. #}
{% macro run_timestamp() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp)
{%- endmacro %}


{# Day of the week, 1 = Monday to 7 = Sunday. #}
{% macro iso_day_of_week(date_expression) -%}
    {{ return(adapter.dispatch('iso_day_of_week')(date_expression)) }}
{%- endmacro %}

{% macro default__iso_day_of_week(date_expression) -%}
    isodow({{ date_expression }})
{%- endmacro %}

{% macro spark__iso_day_of_week(date_expression) -%}
    weekday({{ date_expression }}) + 1
{%- endmacro %}


{# The first whole number in a text; null where there is none. #}
{% macro first_number(text_expression) -%}
    try_cast(regexp_extract({{ text_expression }}, '[0-9]+', 0) as integer)
{%- endmacro %}


{# A number in [0, 1) that depends on the key alone: the one way to sample, stable over runs and engines. #}
{% macro hash_share(key_expression) -%}
    {{ return(adapter.dispatch('hash_share')(key_expression)) }}
{%- endmacro %}

{% macro default__hash_share(key_expression) -%}
    cast(('0x' || substr(md5({{ key_expression }}), 1, 8)) as bigint) / 4294967296.0
{%- endmacro %}

{% macro spark__hash_share(key_expression) -%}
    cast(conv(substr(md5({{ key_expression }}), 1, 8), 16, 10) as bigint) / 4294967296.0
{%- endmacro %}


{# A 64-bit key made of the values alone: the same in every run, shorter to join and to group by than text. #}
{% macro surrogate_key(columns) -%}
    {{ return(adapter.dispatch('surrogate_key')(columns)) }}
{%- endmacro %}

{% macro default__surrogate_key(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro spark__surrogate_key(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}


{# Dot product of two vectors of equal length. #}
{% macro dot_product(left_vector, right_vector) -%}
    {{ return(adapter.dispatch('dot_product')(left_vector, right_vector)) }}
{%- endmacro %}

{% macro default__dot_product(left_vector, right_vector) -%}
    list_inner_product({{ left_vector }}, {{ right_vector }})
{%- endmacro %}

{% macro spark__dot_product(left_vector, right_vector) -%}
    aggregate(zip_with({{ left_vector }}, {{ right_vector }}, (x, y) -> x * y), 0D, (total, x) -> total + x)
{%- endmacro %}


{# One number for the content of a group of rows, whatever their order: equal content, equal number. #}
{% macro content_fingerprint(columns) -%}
    {{ return(adapter.dispatch('content_fingerprint')(columns)) }}
{%- endmacro %}

{% macro default__content_fingerprint(columns) -%}
    bit_xor(hash({{ columns | join(', ') }}))
{%- endmacro %}

{% macro spark__content_fingerprint(columns) -%}
    bit_xor(xxhash64({{ columns | join(', ') }}))
{%- endmacro %}


{# What the code and the vars of this run are, as a string: stored rows are only reused under the same. The target
   week and the paths are left out, since they say which rows there are, not how one is computed. #}
{% macro code_fingerprint() -%}
    {%- set settings = {} -%}
    {%- for name, value in invocation_args_dict.get('vars', {}).items() -%}
        {%- if name != 'target_week' and not name.endswith('_path') -%}{%- do settings.update({name: value}) -%}{%- endif -%}
    {%- endfor -%}
    concat(getvariable('feature_code_version'), '{{ local_md5(tojson(settings, sort_keys=true)) }}')
{%- endmacro %}
