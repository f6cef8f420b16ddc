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


{# A price in whole cents, halves up: engines disagree on how a double such as 1.005 is rounded. #}
{% macro in_cents(price) -%}
    cast(floor(100 * {{ price }} + 0.500001e0) / 100 as decimal(12, 2))
{%- endmacro %}


{# A number in [0, 1) that depends on the key alone: the one way to sample, stable over runs and engines. #}
{% macro hash_share(key_expression) -%}
    {{ return(adapter.dispatch('hash_share')(key_expression)) }}
{%- endmacro %}

{% macro default__hash_share(key_expression) -%}
    cast(('0x' || substr(md5({{ key_expression }}), 1, 8)) as bigint) / 4294967296e0
{%- endmacro %}

{% macro spark__hash_share(key_expression) -%}
    cast(conv(substr(md5({{ key_expression }}), 1, 8), 16, 10) as bigint) / 4294967296e0
{%- endmacro %}


{# A key from 0 to 2^63 - 1, made of the values alone: the same in every run, shorter to join and to group by than
   text. Engines make other keys of the same values, so that a key never leaves the warehouse. #}
{% macro surrogate_key(columns) -%}
    {{ return(adapter.dispatch('surrogate_key')(columns)) }}
{%- endmacro %}

{% macro default__surrogate_key(columns) -%}
    cast(hash({{ columns | join(', ') }}) >> 1 as bigint)
{%- endmacro %}

{% macro spark__surrogate_key(columns) -%}
    shiftrightunsigned(xxhash64({{ columns | join(', ') }}), 1)
{%- endmacro %}


{# Dot product of two vectors of equal length; added up in doubles, so that the order of adding does not show. #}
{% macro dot_product(left_vector, right_vector) -%}
    {{ return(adapter.dispatch('dot_product')(left_vector, right_vector)) }}
{%- endmacro %}

{% macro default__dot_product(left_vector, right_vector) -%}
    list_inner_product(cast({{ left_vector }} as double[]), cast({{ right_vector }} as double[]))
{%- endmacro %}

{% macro spark__dot_product(left_vector, right_vector) -%}
    aggregate(zip_with({{ left_vector }}, {{ right_vector }}, (x, y) -> cast(x as double) * y), 0D, (total, x) -> total + x)
{%- endmacro %}


{# The median within the frame of a window. #}
{% macro median_over(expression, window) -%}
    {{ return(adapter.dispatch('median_over')(expression, window)) }}
{%- endmacro %}

{% macro default__median_over(expression, window) -%}
    median({{ expression }}) over ({{ window }})
{%- endmacro %}

{% macro spark__median_over(expression, window) -%}
    percentile({{ expression }}, 0.5) over ({{ window }})
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


{# What the plugin of the engine tells each connection: feature_code_version, evaluation_code_version. #}
{% macro run_variable(name) -%}
    {{ return(adapter.dispatch('run_variable')(name)) }}
{%- endmacro %}

{% macro default__run_variable(name) -%}
    getvariable('{{ name }}')
{%- endmacro %}

{% macro spark__run_variable(name) -%}
    '${spark.grocery.{{ name }}}'
{%- endmacro %}


{# All columns of a table in a query but some. #}
{% macro all_but(table, columns) -%}
    {{ return(adapter.dispatch('all_but')(table, columns)) }}
{%- endmacro %}

{% macro default__all_but(table, columns) -%}
    {{ table }}.* exclude ({{ columns | join(', ') }})
{%- endmacro %}

{% macro spark__all_but(table, columns) -%}
    {{ table }}.* except ({{ columns | join(', ') }})
{%- endmacro %}


{# Position of a row in its Parquet file, from 0; only a query that reads the file itself sees it. #}
{% macro file_row_number() -%}
    {{ return(adapter.dispatch('file_row_number')()) }}
{%- endmacro %}

{% macro default__file_row_number() -%}
    file_row_number
{%- endmacro %}

{% macro spark__file_row_number() -%}
    _metadata.row_index
{%- endmacro %}


{# SHA-256 of some bytes, as hexadecimal digits. #}
{% macro sha256(bytes_expression) -%}
    {{ return(adapter.dispatch('sha256')(bytes_expression)) }}
{%- endmacro %}

{% macro default__sha256(bytes_expression) -%}
    sha256({{ bytes_expression }})
{%- endmacro %}

{% macro spark__sha256(bytes_expression) -%}
    sha2({{ bytes_expression }}, 256)
{%- endmacro %}


{# Columns of a table as one JSON object, as text. #}
{% macro as_json(table, columns) -%}
    {{ return(adapter.dispatch('as_json')(table, columns)) }}
{%- endmacro %}

{% macro default__as_json(table, columns) -%}
    cast(to_json(struct_pack(
        {%- for column in columns %}{{ column }} := {{ table }}.{{ column }}{{ ", " if not loop.last }}{% endfor -%}
    )) as string)
{%- endmacro %}

{% macro spark__as_json(table, columns) -%}
    to_json(
        struct({% for column in columns %}{{ table }}.{{ column }}{{ ", " if not loop.last }}{% endfor %}),
        map('ignoreNullFields', 'false', 'timestampFormat', 'yyyy-MM-dd HH:mm:ss', 'timestampNTZFormat', 'yyyy-MM-dd HH:mm:ss')
    )
{%- endmacro %}


{# A UTC timestamp as the wall clock of a time zone showed it. In DuckDB it may carry its zone, as Spark and pandas write
   it: timezone() would turn such a one the other way round, so only its count of microseconds is used. #}
{% macro local_time(utc_expression, time_zone) -%}
    {{ return(adapter.dispatch('local_time')(utc_expression, time_zone)) }}
{%- endmacro %}

{% macro default__local_time(utc_expression, time_zone) -%}
    timezone('{{ time_zone }}', timezone('UTC', make_timestamp(epoch_us({{ utc_expression }}))))
{%- endmacro %}

{% macro spark__local_time(utc_expression, time_zone) -%}
    from_utc_timestamp({{ utc_expression }}, '{{ time_zone }}')
{%- endmacro %}


{# One row for each whole number from the first to the last. #}
{% macro series(first, last) -%}
    {{ return(adapter.dispatch('series')(first, last)) }}
{%- endmacro %}

{% macro default__series(first, last) -%}
    unnest(range({{ first }}, {{ last }} + 1))
{%- endmacro %}

{% macro spark__series(first, last) -%}
    explode(sequence({{ first }}, {{ last }}))
{%- endmacro %}


{# Whether a float is a number: neither infinite nor NaN. #}
{% macro is_finite(expression) -%}
    {{ return(adapter.dispatch('is_finite')(expression)) }}
{%- endmacro %}

{% macro default__is_finite(expression) -%}
    isfinite({{ expression }})
{%- endmacro %}

{% macro spark__is_finite(expression) -%}
    (not isnan({{ expression }}) and abs({{ expression }}) < double('infinity'))
{%- endmacro %}


{# What the load of LGSR files finds on its connection. In DuckDB the hook also begins the transaction that the load
   needs; on Spark a DuckDB of its own loads the files (`Session.land`). #}
{% macro prepare_lgsr_load() -%}
    {{ return(adapter.dispatch('prepare_lgsr_load')()) }}
{%- endmacro %}

{% macro default__prepare_lgsr_load() -%}
    {{ create_line_rules() }};
    {% if flags.FULL_REFRESH %}
        drop schema if exists landing cascade;
    {% endif %}
{%- endmacro %}

{% macro spark__prepare_lgsr_load() -%}
    set spark.grocery.line_rules = {{ create_line_rules() }}
{%- endmacro %}


{# A config that replaces the rows of each key which a run brings, and keeps the others. #}
{% macro replace_by(key) -%}
    {{ return(adapter.dispatch('replace_by')(key)) }}
{%- endmacro %}

{% macro default__replace_by(key) -%}
    {{ return({'materialized': 'incremental', 'unique_key': key, 'incremental_strategy': 'delete+insert'}) }}
{%- endmacro %}

{# Parquet tables know no delete: a key is a partition, which is written as a whole. #}
{% macro spark__replace_by(key) -%}
    {{ return({'materialized': 'incremental', 'partition_by': [key], 'incremental_strategy': 'insert_overwrite'}) }}
{%- endmacro %}


{# The config of a view with hundreds of columns. #}
{% macro wide_view() -%}
    {{ return(adapter.dispatch('wide_view')()) }}
{%- endmacro %}

{% macro default__wide_view() -%}
    {{ return({'materialized': 'view'}) }}
{%- endmacro %}

{# The Derby metastore keeps no text of such a length. And Spark would plan the query anew after each of its stages, and
   keep all plans: of so many columns over so many joins, more than 4 GB hold. The session stays without, as another of
   these models may be planned beside this one; the large ones of the others lie upstream. #}
{% macro spark__wide_view() -%}
    {{ return({'materialized': 'table', 'pre_hook': ['set spark.sql.adaptive.enabled = false']}) }}
{%- endmacro %}


{# Makes the table of a model whose weeks are kept, with the rows of the first of them. #}
{% macro create_weekly_table(relation, compiled_sql, week_column) -%}
    {{ return(adapter.dispatch('create_weekly_table')(relation, compiled_sql, week_column)) }}
{%- endmacro %}

{% macro default__create_weekly_table(relation, compiled_sql, week_column) -%}
    {{ create_table_as(False, relation, compiled_sql) }}
{%- endmacro %}

{% macro spark__create_weekly_table(relation, compiled_sql, week_column) -%}
    create table {{ relation }}
    {% if config.get('contract').enforced %}{{ get_assert_columns_equivalent(compiled_sql) }}{% endif %}
    using parquet partitioned by ({{ week_column }})
    as {{ compiled_sql }}
{%- endmacro %}


{# The first and the last customer key of each slice in which a table is built, given the query for the number of
   customers: ranges of hashes hold equally many. Spark spreads a query over its executors anyway, and a killed build must
   not leave half a week in a table without transactions. #}
{% macro customer_slices(customers_query) -%}
    {{ return(adapter.dispatch('customer_slices')(customers_query)) }}
{%- endmacro %}

{% macro default__customer_slices(customers_query) -%}
    {%- set customers = run_query(customers_query).columns[0].values() | first -%}
    {%- set slices = [(customers / var('customers_at_a_time') | int) | round(0, 'ceil') | int, 1] | max -%}
    {%- set ranges = [] -%}
    {%- for slice in range(slices) -%}
        {%- do ranges.append([2 ** 63 * slice // slices, 2 ** 63 * (slice + 1) // slices - 1]) -%}
    {%- endfor -%}
    {{ return(ranges) }}
{%- endmacro %}

{% macro spark__customer_slices(customers_query) -%}
    {{ return([[0, 2 ** 63 - 1]]) }}
{%- endmacro %}


{# How many lines a query over some weeks may read. Spark spreads them over its executors. #}
{% macro lines_at_a_time() -%}
    {{ return(adapter.dispatch('lines_at_a_time')()) }}
{%- endmacro %}

{% macro default__lines_at_a_time() -%}
    {{ return(var('lines_at_a_time') | int) }}
{%- endmacro %}

{% macro spark__lines_at_a_time() -%}
    {{ return(2 ** 63) }}
{%- endmacro %}


{# Takes some weeks out of a table whose rows are replaced week by week. #}
{% macro drop_weeks(relation, weeks, week_column='prediction_week') -%}
    {{ return(adapter.dispatch('drop_weeks')(relation, weeks, week_column)) }}
{%- endmacro %}

{% macro default__drop_weeks(relation, weeks, week_column) -%}
    delete from {{ relation }} where {{ week_column }} in ({{ weeks | join(', ') }})
{%- endmacro %}

{% macro spark__drop_weeks(relation, weeks, week_column) -%}
    alter table {{ relation }} drop if exists
    {% for week in weeks %}partition ({{ week_column }} = {{ week }}){{ "," if not loop.last }} {% endfor %}
{%- endmacro %}


{# dbt-spark keeps the descriptions of columns with Delta only, though Parquet tables take them, but for the columns that
   they are partitioned by: 256 characters each in Derby. #}
{% macro spark__alter_column_comment(relation, column_dict) -%}
    {%- for name, column in column_dict.items() if name not in config.get('partition_by', []) -%}
        {%- set comment = column['description'][:256] | replace("'", "\\'") -%}
        {%- do run_query('alter table ' ~ relation ~ ' change column ' ~ name ~ " comment '" ~ comment ~ "'") -%}
    {%- endfor -%}
{%- endmacro %}

{# Parquet tables take no constraints. #}
{% macro spark__persist_constraints(relation, model) %}
{%- endmacro %}


{# An interrupted run leaves `…__dbt_tmp…` and `…__dbt_backup` tables behind, and so does every
   incremental Python model of dbt-duckdb: each run starts by sweeping them. #}
{% macro drop_leftover_tables() -%}
    {{ return(adapter.dispatch('drop_leftover_tables')()) }}
{%- endmacro %}

{% macro default__drop_leftover_tables() -%}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% set leftovers %}
            select table_schema, table_name, table_type
            from information_schema.tables
            where table_catalog = '{{ target.database }}'
                and (table_name like '%\_\_dbt\_tmp%' escape '\' or table_name like '%\_\_dbt\_backup' escape '\')
        {% endset %}
        {% for leftover in run_query(leftovers) %}
            {% do adapter.drop_relation(api.Relation.create(
                database=target.database,
                schema=leftover[0],
                identifier=leftover[1],
                type='view' if leftover[2] == 'VIEW' else 'table',
            )) %}
        {% endfor %}
    {% endif %}
{%- endmacro %}

{% macro spark__drop_leftover_tables() -%}
    {% if execute and flags.WHICH in ('build', 'run') %}
        {% do run_query('select 1') %}  {# opens the session #}
        {% set names = [] %}
        {% for node in graph.nodes.values() if node.resource_type in ('model', 'seed') %}
            {% do names.append(node.schema ~ '.' ~ node.alias) %}
        {% endfor %}
        {% do adapter.sweep(names) %}
    {% endif %}
{%- endmacro %}
