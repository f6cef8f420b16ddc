select
    product_id,
    offer_type,
    week,
    store_share,
    offer_price
from {{ retailer_ref('promotions') }}
