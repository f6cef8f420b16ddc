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

versions as (

    {{ lgsr_versions('product_codes', 'product_id', ['subcategory_id', 'category_id', 'department_id', 'division_id']) }}

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
