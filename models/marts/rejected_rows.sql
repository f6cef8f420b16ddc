select
    file_name,
    line_number,
    raw_line,
    reason
from {{ ref('rejected_lines') }}
