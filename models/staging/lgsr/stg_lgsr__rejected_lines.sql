-- depends_on: {{ ref('stg_lgsr__source_files') }}
{{ config(materialized='view') }}

select
    file_name,
    line_number,
    raw_line,
    reason
from {{ source('lgsr', 'rejected_lines') }}
