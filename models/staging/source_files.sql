select
    file_name,
    content_hash,
    bytes,
    lines,
    duplicates,
    loaded_at
from {{ retailer_ref('source_files') }}
