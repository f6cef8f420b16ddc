{# The rules for lines as a DuckDB macro, so that the library judges lines by line_rejection_reason() and by nothing
   else. #}
{% macro create_line_rules() -%}
    create or replace temp macro line_rejection_reason(
        product_id, basket_id, quantity, spend, purchased_on, starts_on, ends_on, excluded_department_id,
        excluded_category_id
    ) as {{ line_rejection_reason() }}
{%- endmacro %}


{# One row per key and week in which its attributes differ from those of the week before in which it was seen: the
   versions of a dimension. Where lines of one week disagree, most lines win, then the codes first in the alphabet: the
   order of lines decides nothing. Most keys never change, and are not looked at week by week. #}
{% macro lgsr_versions(key, attributes) -%}
    with

    all_codes as (

        select * from {{ source('lgsr', 'codes') }}

    ),

    source_files as (

        select * from {{ ref('stg_lgsr__source_files') }}

    ),

    -- One row per week, key and combination of attributes, with its lines.
    codes as (

        select all_codes.*
        from all_codes
        inner join source_files on all_codes.week = source_files.week
        where all_codes.{{ key }} is not null

    ),

    combinations as (

        select
            {{ key }},
            {{ attributes | join(', ') }},
            min(week) as first_week,
            count(*) over (partition by {{ key }}) as combinations_of_key
        from codes
        group by {{ key }}, {{ attributes | join(', ') }}

    ),

    weekly as (

        select
            week,
            {{ key }},
            {{ attributes | join(', ') }}
        from codes
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
            row_number() over (partition by {{ key }} order by week) = 1
            {% for attribute in attributes %}
            or {{ attribute }} is distinct from lag({{ attribute }}) over (partition by {{ key }} order by week)
            {% endfor %}

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
