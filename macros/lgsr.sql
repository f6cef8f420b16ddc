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


{# One row per key and week in which its attributes differ from those of the week before in which it was seen: the
   versions of a dimension. `codes` has one row per week, key and combination of attributes, with its lines. Where
   lines of one week disagree, most lines win, then the codes first in the alphabet: the order of lines decides nothing.
   Most keys never change, and are not looked at week by week. #}
{% macro lgsr_versions(codes, key, attributes) -%}
    with

    combinations as (

        select
            {{ key }},
            {{ attributes | join(', ') }},
            min(week) as first_week,
            count(*) over (partition by {{ key }}) as combinations_of_key
        from {{ codes }}
        group by {{ key }}, {{ attributes | join(', ') }}

    ),

    weekly as (

        select
            week,
            {{ key }},
            {{ attributes | join(', ') }}
        from {{ codes }}
        where {{ key }} in (select {{ key }} from combinations where combinations_of_key > 1)
        qualify
            row_number() over (
                partition by {{ key }}, week
                order by lines desc, {{ attributes | join(' asc nulls last, ') }} asc nulls last
            ) = 1

    ),

    moves as (

        select *
        from weekly
        qualify
            row({{ attributes | join(', ') }}) is distinct from
            lag(row({{ attributes | join(', ') }})) over (partition by {{ key }} order by week)

    )

    select
        {{ key }},
        {{ attributes | join(', ') }},
        first_week as valid_from_week
    from combinations
    where combinations_of_key = 1
    union all
    select
        {{ key }},
        {{ attributes | join(', ') }},
        week as valid_from_week
    from moves
{%- endmacro %}


{# Pre-hook of a table that keeps what it derived from files: takes out the rows whose source is another one now, so
   that the model adds what is missing and a week that yields no rows any more keeps none. #}
{% macro forget_replaced(key, relation) -%}
    {% if is_incremental() -%}
        delete from {{ this }} where {{ key }} not in (select {{ key }} from {{ relation }})
    {%- endif %}
{%- endmacro %}
