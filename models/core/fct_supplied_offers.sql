select
    checked_offers.product_id,
    checked_offers.week,
    weeks.week_index,
    checked_offers.offer_price
from {{ ref('stg_supplied__checked_offers') }} as checked_offers
inner join {{ ref('dim_weeks') }} as weeks on checked_offers.week = weeks.week
where not checked_offers.is_duplicate and checked_offers.rejection_reason is null
