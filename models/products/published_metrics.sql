-- The ranking metrics of the lists as they were published (the control group's too), of the weeks and customers that
-- the models were measured on.
with

ranking_metrics as (

    select * from {{ ref('ranking_metrics') }}

),

recommended_items as (

    select * from {{ ref('recommended_items') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }} where weeks_to_target < 0

),

item_weeks as (

    select * from {{ ref('customer_item_weeks') }}

),

lists as (

    select
        recommended_items.target_week as prediction_week,
        recommended_items.customer_id,
        'published' as model_name,
        recommended_items.candidate_source = 'repeat' as is_repeat,
        item_weeks.product_id is not null as was_bought,
        recommended_items.rank as list_rank,
        row_number() over (
            partition by
                recommended_items.target_week, recommended_items.customer_id, recommended_items.candidate_source = 'repeat'
            order by recommended_items.rank
        ) as scope_rank
    from recommended_items
    inner join weeks on recommended_items.target_week = weeks.week
    left join item_weeks
        on recommended_items.target_week = item_weeks.week
        and recommended_items.customer_id = item_weeks.customer_id
        and recommended_items.product_id = item_weeks.product_id

),

bought_products as (

    select distinct
        prediction_week,
        customer_id,
        scope,
        bought_products,
        candidates
    from ranking_metrics
    where prediction_week in (select prediction_week from lists)

),

final as (

    select * from ({{ list_metrics('lists', 'bought_products') }}) as metrics

)

select * from final
