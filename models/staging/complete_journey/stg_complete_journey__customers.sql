-- The survey is undated; its answers are taken as known from the household's first week on. No week before knows that the
-- household will come.
with

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

demographics as (

    select * from {{ source('complete_journey', 'demographics') }}

),

households as (

    select
        customer_id,
        coalesce(min(case when week > 0 then week end), 1) as first_week
    from parsed_lines
    where customer_id is not null
    group by customer_id

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
        households.first_week::integer as valid_from_week
    from households
    left join demographics on households.customer_id = {{ id_text('demographics.household_id') }}

)

select * from final
