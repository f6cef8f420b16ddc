-- The survey is undated; its answers are taken as known from the household's first week on. No week before knows that the
-- household will come.
with

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

weeks as (

    select * from {{ ref('stg_complete_journey__weeks') }}

),

demographics as (

    select * from {{ source('complete_journey', 'demographics') }}

),

households as (

    select
        parsed_lines.customer_id,
        min(weeks.week) as first_week
    from parsed_lines
    -- A line with a wrong week would have it known before it came.
    inner join weeks
        on parsed_lines.week = weeks.week
        and parsed_lines.purchased_on between weeks.starts_on and weeks.ends_on
    where parsed_lines.customer_id is not null
    group by parsed_lines.customer_id

),

final as (

    select
        households.customer_id,
        null::string as lifestage,
        null::string as price_sensitivity,
        demographics.age::string as age_band,
        demographics.income::string as income_band,
        demographics.household_size::string as household_size,
        demographics.household_comp::string as household_composition,
        households.first_week::integer as valid_from_week
    from households
    left join demographics on households.customer_id = {{ id_text('demographics.household_id') }}

)

select * from final
