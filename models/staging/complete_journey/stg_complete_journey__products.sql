-- Every product of the catalogue, and those that were sold without standing in it.
-- The same category name stands in several departments, so an id is the whole path.
with

catalogue as (

    select * from {{ source('complete_journey', 'products') }}

),

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

sold as (

    select distinct product_id from parsed_lines where product_id is not null

),

listed as (

    select
        product_id::string as product_id,
        brand,
        package_size,
        department as department_id,
        department || ' / ' || product_category as category_id,
        department || ' / ' || product_category || ' / ' || product_type as subcategory_id,
        product_type as subcategory_name,
        product_category as category_name,
        department as department_name
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
        1::integer as valid_from_week
    from listed
    full outer join sold using (product_id)

)

select * from final
