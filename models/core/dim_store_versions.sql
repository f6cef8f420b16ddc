with

stores as (

    select * from {{ ref('stores') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

final as (

    select
        stores.store_id,
        stores.store_format,
        stores.store_region,
        weeks.week_index as valid_from_week_index,
        lead(weeks.week_index) over (
            partition by stores.store_id order by weeks.week_index
        ) - 1 as valid_to_week_index
    from stores
    inner join weeks on stores.valid_from_week = weeks.week
    where weeks.weeks_to_target < 0

)

select * from final
