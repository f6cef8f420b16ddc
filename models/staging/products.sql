select
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
    package_size,
    valid_from_week
from {{ retailer_ref('products') }}
