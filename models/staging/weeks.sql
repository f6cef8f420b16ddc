select
    week,
    week_index,
    starts_on,
    ends_on
from {{ retailer_ref('weeks') }}
