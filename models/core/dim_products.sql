with

product_versions as (

    select * from {{ ref('dim_product_versions') }}

),

final as (

    select
        product_key,
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id,
        product_name,
        subcategory_name,
        category_name,
        department_name,
        division_name,
        brand,
        package_size
    from product_versions
    where valid_to_week_index is null

)

select * from final
