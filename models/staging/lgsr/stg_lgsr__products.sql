-- A version begins in the first week whose codes differ from those of the week before in which the product was sold.
-- Where lines of one week disagree, most lines win, then the codes first in the alphabet: the order of lines decides
-- nothing. Most products never move, and are not looked at week by week.
with

codes as (

    select * from {{ source('lgsr', 'codes') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

product_codes as (

    select codes.*
    from codes
    inner join source_files on codes.week = source_files.week
    where codes.product_id is not null

),

placements as (

    select
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id,
        min(week) as first_week,
        count(*) over (partition by product_id) as placements_of_product
    from product_codes
    group by product_id, subcategory_id, category_id, department_id, division_id

),

weekly_placements as (

    select
        week,
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id
    from product_codes
    where
        product_id in (
            select placements.product_id
            from placements
            where placements.placements_of_product > 1
        )
    qualify
        row_number() over (
            partition by product_id, week
            order by
                lines desc,
                subcategory_id asc nulls last,
                category_id asc nulls last,
                department_id asc nulls last,
                division_id asc nulls last
        ) = 1

),

moves as (

    select *
    from weekly_placements
    qualify
        row(subcategory_id, category_id, department_id, division_id) is distinct from
        lag(row(subcategory_id, category_id, department_id, division_id)) over (partition by product_id order by week)

),

versions as (

    select
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id,
        first_week as valid_from_week
    from placements
    where placements_of_product = 1
    union all
    select
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id,
        week as valid_from_week
    from moves

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
        valid_from_week
    from versions

)

select * from final
