select
    customer_id,
    lifestage,
    price_sensitivity,
    age_band,
    income_band,
    household_size,
    household_composition,
    valid_from_week
from {{ retailer_ref('customers') }}
