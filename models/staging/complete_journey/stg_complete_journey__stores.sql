with

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

final as (

    select distinct
        store_id,
        null::string as store_format,
        null::string as store_region,
        1::integer as valid_from_week
    from parsed_lines
    where store_id is not null

)

select * from final
