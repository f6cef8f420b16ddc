select
    file_name,
    line_number,
    raw_line,
    reason
from {{ retailer_ref('rejected_lines') }}
