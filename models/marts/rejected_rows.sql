with

rejected_lines as (

    select * from {{ ref('rejected_lines') }}

),

supplied_lines as (

    select * from {{ ref('stg_supplied__lines') }} where rejection_reason is not null

),

final as (

    select file_name, line_number, raw_line, reason from rejected_lines
    union all
    select file_name, line_number, raw_line, rejection_reason as reason from supplied_lines

)

select * from final
