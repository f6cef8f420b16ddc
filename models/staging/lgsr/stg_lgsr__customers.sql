with

codes as (

    select * from {{ source('lgsr', 'codes') }}

),

source_files as (

    select * from {{ ref('stg_lgsr__source_files') }}

),

customer_codes as (

    select codes.*
    from codes
    inner join source_files on codes.week = source_files.week
    where codes.customer_id is not null

),

versions as (

    {{ lgsr_versions('customer_codes', 'customer_id', ['lifestage', 'price_sensitivity']) }}

),

final as (

    select
        customer_id,
        lifestage,
        price_sensitivity,
        null::string as age_band,
        null::string as income_band,
        null::string as household_size,
        null::string as household_composition,
        valid_from_week
    from versions

)

select * from final
