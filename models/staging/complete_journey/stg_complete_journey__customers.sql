-- The survey is undated; its answers are taken as known from the first week on.
with

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

demographics as (

    select * from {{ source('complete_journey', 'demographics') }}

),

households as (

    select distinct customer_id from parsed_lines where customer_id is not null

),

final as (

    select
        households.customer_id,
        null::string as lifestage,
        null::string as price_sensitivity,
        demographics.age as age_band,
        demographics.income as income_band,
        demographics.household_size,
        demographics.household_comp as household_composition,
        1::integer as valid_from_week
    from households
    left join demographics on households.customer_id = demographics.household_id::string

)

select * from final
