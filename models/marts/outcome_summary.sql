-- How the published lists turned out, week by week and segment by segment, so that decay shows. The control group,
-- which got no list, counts only where the groups are compared.
with

outcomes as (

    select * from {{ ref('recommendation_outcomes') }} where rank <= 10

),

published as (

    select * from outcomes where not is_held_out

),

customer_versions as (

    select * from {{ ref('dim_customer_versions') }}

),

weeks as (

    select * from {{ ref('dim_weeks') }}

),

segmented as (

    select
        published.*,
        'all' as segment_type,
        'all' as segment
    from published
    union all
    select
        outcomes.*,
        'group' as segment_type,
        case when outcomes.is_held_out then 'control' else 'published' end as segment
    from outcomes
    union all
    select
        published.*,
        'lifestage' as segment_type,
        coalesce(customer_versions.lifestage, 'unknown') as segment
    from published
    inner join weeks on published.target_week = weeks.week
    -- What was known on the eve of the week: a later life stage does not change what came of earlier lists.
    left join customer_versions
        on published.customer_id = customer_versions.customer_id
        and {{ is_valid_in('customer_versions', 'weeks.week_index - 1') }}
    union all
    select
        published.*,
        'kind_of_item' as segment_type,
        case when published.is_repeat_purchase then 'repeat' else 'new' end as segment
    from published

),

final as (

    select
        segmented.target_week,
        segmented.segment_type,
        segmented.segment,
        count(distinct segmented.customer_id) as customers,
        count(*) as items,
        cast(count_if(segmented.was_bought) as bigint) as bought_items,
        round(sum(segmented.purchase_probability), 6) as expected_items,
        cast(count_if(segmented.was_bought) as double) / count(*) as hit_rate,
        round(count_if(segmented.was_bought) / nullif(sum(segmented.purchase_probability), 0), 6) as observed_to_expected,
        weeks.starts_on as week_starts_on
    from segmented
    inner join weeks on segmented.target_week = weeks.week
    group by segmented.target_week, segmented.segment_type, segmented.segment, weeks.starts_on

)

select * from final
