with

products as (

    select * from {{ ref('products') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

final as (

    select
        products.product_id,
        products.subcategory_id,
        products.category_id,
        products.department_id,
        products.division_id,
        products.product_name,
        products.subcategory_name,
        products.category_name,
        products.department_name,
        products.division_name,
        products.brand,
        products.package_size,
        {% for level in item_levels() %}
        case
            when products.{{ level }}_id is not null
                then {{ surrogate_key(["'" ~ level ~ "'", "products." ~ level ~ "_id"]) }}
        end as {{ level }}_key,
        {% endfor %}
        weeks.week_index as valid_from_week_index,
        lead(weeks.week_index) over (
            partition by products.product_id order by weeks.week_index
        ) - 1 as valid_to_week_index
    from products
    inner join weeks on products.valid_from_week = weeks.week
    where weeks.weeks_to_target < 0

)

select * from final
