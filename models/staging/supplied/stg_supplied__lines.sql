-- The fate of every line of every supplied file: loaded, rejected with a reason, or a repetition.
select
    file_name,
    line_number,
    raw_line,
    is_duplicate,
    rejection_reason
from {{ ref('stg_supplied__checked_offers') }}
union all
select
    file_name,
    line_number,
    raw_line,
    is_duplicate,
    rejection_reason
from {{ ref('stg_supplied__checked_open_baskets') }}
