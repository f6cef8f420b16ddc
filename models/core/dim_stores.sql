select
    store_id,
    store_format,
    store_region
from {{ ref('stores') }}
