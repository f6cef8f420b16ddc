-- depends_on: {{ ref('stg_lgsr__source_files') }}
-- A version begins in the first week whose codes differ from those of the product's week before. Where lines of one
-- week disagree, most lines win, then the codes first in the alphabet: the order of lines decides nothing.
with

product_codes as (

    select *
    from {{ source('lgsr', 'codes') }}
    where product_id is not null

),

weekly as (

    select
        week,
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id
    from product_codes
    qualify
        row_number() over (
            partition by product_id, week
            order by
                lines desc,
                subcategory_id nulls last,
                category_id nulls last,
                department_id nulls last,
                division_id nulls last
        ) = 1

),

with_codes_before as (

    select
        *,
        row(subcategory_id, category_id, department_id, division_id) as codes,
        lag(codes) over (partition by product_id order by week) as codes_before
    from weekly

),

final as (

    select
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id,
        null::varchar as product_name,
        null::varchar as subcategory_name,
        null::varchar as category_name,
        null::varchar as department_name,
        null::varchar as division_name,
        null::varchar as brand,
        null::varchar as package_size,
        week as valid_from_week
    from with_codes_before
    where codes is distinct from codes_before

)

select * from final
