select
    store_id,
    store_format,
    store_region,
    valid_from_week
from {{ retailer_ref('stores') }}
