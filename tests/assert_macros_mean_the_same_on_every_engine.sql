-- Macros that do not give what they promise, on the engine that runs this: those of macros/dialect.sql, in_cents, and
-- those that read numbers and ids.
{% set abc_as_bytes = "cast('abc' as binary)" %}
with

vectors as (

    select array_agg(component) as vector
    from (
        select cast(2 as double) as component
        union all
        select cast(2 as double) as component
    ) as components

),

numbers as (

    select {{ series('2', 'last_number') }} as number
    from (select 4 as last_number) as bounds

),

medians as (

    select {{ median_over('cast(number as double)', 'order by number range between 1 preceding and current row') }} as median
    from numbers

),

pairs as (

    select 1 as quantity, cast(null as string) as brand, timestamp '2017-03-27 17:15:00' as sold_at

),

checks as (

    select 'week_start' as macro_name, {{ week_start("date '2017-04-02'") }} = date '2017-03-27' as is_right
    union all
    select 'add_days', {{ add_days("date '2017-03-01'", -1) }} = date '2017-02-28'
    union all
    select 'days_between', {{ days_between("date '2017-02-27'", "date '2017-03-01'") }} = 2
    union all
    select 'fail_with', case when 1 = 2 then {{ fail_with("'never'") }} else 1 end = 1 -- noqa: ST10
    union all
    select 'run_timestamp', {{ run_timestamp() }} > timestamp '2020-01-01 00:00:00'
    union all
    select 'iso_day_of_week', {{ iso_day_of_week("date '2017-04-02'") }} = 7
    union all
    select 'first_number', {{ first_number("'from 35 to 44'") }} = 35 and {{ first_number("'none'") }} is null
    union all
    select
        'plain_integer',
        {{ plain_integer("'07'") }} = 7
        and coalesce({{ plain_integer("'6.6'") }}, {{ plain_integer("'0x7'") }}, {{ plain_integer("''") }}) is null
    union all
    select
        'plain_decimal',
        {{ plain_decimal("'-1.5'", 2) }} = -1.5 and {{ plain_decimal("'.5'", 2) }} = 0.5
        and coalesce({{ plain_decimal("'1_0'", 2) }}, {{ plain_decimal("'1e1'", 2) }}) is null
    union all
    select
        'whole_number',
        {{ whole_number("cast(48 as double)") }} = 48 and {{ whole_number("'48'") }} = 48
        and coalesce({{ whole_number("cast(48.4 as double)") }}, {{ whole_number("cast(3e9 as double)") }}) is null
    union all
    select
        'id_text',
        {{ id_text("cast(1228 as double)") }} = '1228' and {{ id_text("cast(1228 as bigint)") }} = '1228'
        and {{ id_text("cast('04.0' as string)") }} = '04.0' and {{ id_text("cast('NaN' as double)") }} is null
    union all
    select 'hash_share', abs({{ hash_share("'abc'") }} - 2416005272 / 4294967296e0) < 1e-12
    union all
    select
        'surrogate_key',
        {{ surrogate_key(["'a'", "'b'"]) }} = {{ surrogate_key(["'a'", "'b'"]) }}
        and {{ surrogate_key(["'a'", "'b'"]) }} <> {{ surrogate_key(["'b'", "'a'"]) }}
        and {{ surrogate_key(["'a'", "'b'"]) }} >= 0
    union all
    select 'dot_product', {{ dot_product('vector', 'vector') }} = 8
    from vectors
    union all
    select 'median_over', sum(median) = 8
    from medians
    union all
    select 'in_cents', {{ in_cents('1.005e0') }} = 1.01
    union all
    select 'series', count(*) = 3 and min(number) = 2 and max(number) = 4
    from numbers
    union all
    select 'content_fingerprint', {{ content_fingerprint(['number']) }} is not null
    from numbers
    union all
    select 'all_but', count(*) = 1
    from (select {{ all_but('pairs', ['brand', 'sold_at']) }} from pairs) as one_column (quantity)
    union all
    select 'run_variable', {{ run_variable('evaluation_code_version') }} <> ''
    union all
    select 'sha256', {{ sha256(abc_as_bytes) }} like 'ba7816bf8f01%15ad'
    union all
    select
        'as_json',
        {{ as_json('pairs', ['quantity', 'brand', 'sold_at']) }}
        = '{"quantity":1,"brand":null,"sold_at":"2017-03-27 17:15:00"}'
    from pairs
    union all
    select
        'local_time',
        {{ local_time("timestamp '2017-07-01 03:00:00'", 'America/New_York') }} = timestamp '2017-06-30 23:00:00'
    union all
    select
        'is_finite',
        {{ is_finite('cast(1 as float)') }}
        and not {{ is_finite("cast('NaN' as float)") }}
        and not {{ is_finite("cast('Infinity' as float)") }}

)

select * from checks
where not coalesce(is_right, false)
