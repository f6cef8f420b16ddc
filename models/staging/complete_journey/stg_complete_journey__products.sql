-- Every product of the catalogue, and from the first week in which they were sold on, those that do not stand in it.
-- The same category name stands in several departments, so an id is the whole path.
with

catalogue as (

    select * from {{ source('complete_journey', 'products') }}

),

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

weeks as (

    select * from {{ ref('stg_complete_journey__weeks') }}

),

sold as (

    select
        parsed_lines.product_id,
        min(weeks.week) as first_week
    from parsed_lines
    -- A line with a wrong week would have it known before it came.
    inner join weeks
        on parsed_lines.week = weeks.week
        and parsed_lines.purchased_on between weeks.starts_on and weeks.ends_on
    where parsed_lines.product_id is not null
    group by parsed_lines.product_id

),

listed as (

    select
        {{ id_text('product_id') }} as product_id,
        brand::string as brand,
        package_size::string as package_size,
        department::string as department_id,
        department || ' / ' || product_category as category_id,
        department || ' / ' || product_category || ' / ' || product_type as subcategory_id,
        product_type::string as subcategory_name,
        product_category::string as category_name,
        department::string as department_name,
        1 as first_week
    from catalogue

),

final as (

    select
        product_id,
        listed.subcategory_id,
        listed.category_id,
        listed.department_id,
        null::string as division_id,
        null::string as product_name,
        listed.subcategory_name,
        listed.category_name,
        listed.department_name,
        null::string as division_name,
        listed.brand,
        listed.package_size,
        coalesce(listed.first_week, sold.first_week)::integer as valid_from_week
    from listed
    full outer join sold using (product_id)

)

select * from final
