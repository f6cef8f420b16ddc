-- Which weeks are predicted, and what each is for. Roles count back from the target week, so that any past
-- week can be re-made exactly as it would have been then.
{% set observation_weeks = var('observation_weeks') %}
{% set training_weeks = var('training_weeks') %}
{% set retrain_every_weeks = var('retrain_every_weeks') %}

with

weeks as (

    select * from {{ ref('dim_weeks') }}

),

basket_items as (

    select * from {{ ref('fct_basket_items') }}

),

promotions as (

    select * from {{ ref('fct_promotions') }}

),

observed_weeks as (

    select * from {{ ref('observed_weeks') }}

),

predicted as (

    select
        week as prediction_week,
        week_index as prediction_week_index,
        case
            when weeks_to_target = 0 then 'score'
            when weeks_to_target = -1 then 'test'
            when weeks_to_target = -2 then 'validation'
            else 'train'
        end as week_role,
        greatest(
            week_index - {{ observation_weeks }}, (select min(week_index) from basket_items)
        ) as window_first_week_index,
        week_index - 1 as window_last_week_index,
        starts_on,
        ends_on
    from weeks
    -- The boosters that score the validation week may have been fitted for a week before it.
    where weeks_to_target
        between -2 - {{ training_weeks }} - (week_index - weeks_to_target - 2) % {{ retrain_every_weeks }} and 0

),

with_history as (

    select *
    from predicted
    where window_last_week_index - window_first_week_index + 1 >= {{ var('minimum_history_weeks') }}

),

customer_weeks as (

    select distinct customer_id, week_index
    from basket_items

),

customers as (

    select
        with_history.prediction_week,
        count(distinct customer_weeks.customer_id) as active_customers
    from with_history
    inner join customer_weeks
        on customer_weeks.week_index between with_history.prediction_week_index - {{ var('active_weeks') }}
        and with_history.window_last_week_index
    group by with_history.prediction_week

),

promotion_fingerprints as (

    select
        week_index,
        {{ content_fingerprint(['product_id', 'offer_type', 'store_share', 'offer_price']) }} as fingerprint
    from promotions
    group by week_index

),

inputs as (

    select
        with_history.prediction_week,
        'observed' as input_name,
        observed_weeks.week_index,
        observed_weeks.build_fingerprint as fingerprint
    from with_history
    inner join observed_weeks
        on observed_weeks.week_index
        between with_history.window_first_week_index and with_history.window_last_week_index
    union all
    select
        with_history.prediction_week,
        'promotions' as input_name,
        promotion_fingerprints.week_index,
        cast(promotion_fingerprints.fingerprint as string) as fingerprint
    from with_history
    inner join promotion_fingerprints
        on promotion_fingerprints.week_index
        between with_history.window_first_week_index and with_history.prediction_week_index

),

fingerprints as (

    select
        prediction_week,
        {{ content_fingerprint(['input_name', 'week_index', 'fingerprint']) }} as fingerprint
    from inputs
    group by prediction_week

),

-- Boosters are fitted for every so many weeks of the calendar, whichever week is built first; the first week only teaches.
latest_fits as (

    select
        *,
        greatest(
            prediction_week_index - prediction_week_index % {{ retrain_every_weeks }},
            min(prediction_week_index) over () + 1
        ) as fitted_for_week_index
    from with_history

),

fitted_for as (

    select
        latest_fits.prediction_week,
        with_history.prediction_week as fitted_for_week
    from latest_fits
    inner join with_history on latest_fits.fitted_for_week_index = with_history.prediction_week_index
    where latest_fits.week_role <> 'train'

),

labels as (

    select
        week_index,
        build_fingerprint as label_fingerprint
    from observed_weeks

),

final as (

    select
        with_history.prediction_week,
        with_history.prediction_week_index,
        with_history.week_role,
        -- Weeks that only teach need the examples that they teach with; the others are scored in full.
        case when with_history.week_role in ('validation', 'test', 'score') then 'full' else 'sampled' end as candidate_coverage,
        case
            when candidate_coverage = 'full' then coalesce(customers.active_customers, 0)
            else least(coalesce(customers.active_customers, 0), {{ var('training_customers') }})
        end as active_customers,
        with_history.window_first_week_index,
        with_history.window_last_week_index,
        fitted_for.fitted_for_week,
        md5(cast(fingerprints.fingerprint as string)) as window_fingerprint,
        -- What only teaches is chosen by what was bought in the week; other candidates know nothing of it.
        md5(concat_ws(
            ' ',
            window_fingerprint,
            candidate_coverage,
            case when candidate_coverage = 'sampled' then labels.label_fingerprint end
        )) as build_fingerprint,
        md5(concat_ws(' ', window_fingerprint, labels.label_fingerprint)) as example_fingerprint,
        with_history.starts_on,
        with_history.ends_on
    from with_history
    inner join fingerprints on with_history.prediction_week = fingerprints.prediction_week
    left join customers on with_history.prediction_week = customers.prediction_week
    left join fitted_for on with_history.prediction_week = fitted_for.prediction_week
    left join labels on with_history.prediction_week_index = labels.week_index

)

select * from final
