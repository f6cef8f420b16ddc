select
    file_name,
    content_hash,
    bytes,
    lines,
    loaded_at
from {{ ref('source_files') }}
