-- What any product shows in the target week, and what therefore needs a reason.
with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

recommended_items as (

    select * from {{ ref('recommended_items') }}

),

listed_items as (

    select * from {{ ref('listed_items') }}

),

list_lengths as (

    select * from {{ ref('list_lengths') }}

),

flyer_items as (

    select * from {{ ref('flyer_items') }}

),

reminder_items as (

    select * from {{ ref('reminder_items') }}

),

shown as (

    select
        target_week as prediction_week,
        customer_id,
        product_id
    from recommended_items
    union all
    select
        listed_items.prediction_week,
        listed_items.customer_id,
        listed_items.product_id
    from listed_items
    inner join list_lengths
        on listed_items.prediction_week = list_lengths.prediction_week
        and listed_items.customer_id = list_lengths.customer_id
        and listed_items.position <= list_lengths.list_length
    union all
    select
        prediction_week,
        customer_id,
        product_id
    from flyer_items
    union all
    select
        prediction_week,
        customer_id,
        product_id
    from reminder_items

),

final as (

    select distinct
        shown.prediction_week,
        shown.customer_id,
        shown.product_id
    from shown
    inner join prediction_weeks on shown.prediction_week = prediction_weeks.prediction_week
    where not {{ is_held_out('shown.customer_id') }}

)

select * from final
