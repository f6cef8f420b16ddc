with

versions as (

    {{ lgsr_versions('product_id', ['subcategory_id', 'category_id', 'department_id', 'division_id']) }}

),

final as (

    select
        product_id,
        subcategory_id,
        category_id,
        department_id,
        division_id,
        null::string as product_name,
        null::string as subcategory_name,
        null::string as category_name,
        null::string as department_name,
        null::string as division_name,
        null::string as brand,
        null::string as package_size,
        valid_from_week
    from versions

)

select * from final
