-- depends_on: {{ ref('customer_item_weeks') }}
-- Made after the grid, whose purchases a week's fingerprint vouches for.
-- Which weeks are predicted, and what each is for. Roles count back from the target week, so that any past
-- week can be re-made exactly as it would have been then.
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

predictable as (

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
            week_index - {{ var('observation_weeks') }}, (select min(week_index) from basket_items)
        ) as window_first_week_index,
        week_index - 1 as window_last_week_index,
        starts_on,
        ends_on
    from weeks
    where weeks_to_target <= 0

),

with_history as (

    select *
    from predictable
    where
        window_last_week_index - window_first_week_index + 1
        >= least({{ var('minimum_history_weeks') }}, {{ var('observation_weeks') }})

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
        on {{ in_latest_weeks(var('active_weeks'), 'customer_weeks', 'with_history') }}
    group by with_history.prediction_week

),

-- Boosters are fitted for every so many weeks of the calendar, whichever week is built first; the first week only
-- teaches. Where history is so short that it has a role of its own, nothing can score it.
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
        and latest_fits.fitted_for_week_index <= latest_fits.prediction_week_index

),

-- Two thousand customers teach all that they can in eight weeks, with 12 % of what they did not buy. Fewer teach for as
-- many weeks as make up for it, 26 at most, and after that with more of what they did not buy.
lessons as (

    select
        with_history.prediction_week,
        with_history.prediction_week_index,
        {% if var('training_weeks') is none %}
        cast(least(greatest(8, ceil(8 * 2000 / coalesce(customers.active_customers, 1))), 26) as integer) as training_weeks,
        {% else %}
        {{ var('training_weeks') }} as training_weeks,
        {% endif %}
        {% if var('negative_sampling_share') is none %}
        least(
            greatest(
                12e-2,
                12e-2 * 8 * 2000
                / (least(coalesce(customers.active_customers, 1), {{ var('training_customers') }}) * training_weeks)
            ),
            1e0
        ) as negative_sampling_share
        {% else %}
        cast({{ var('negative_sampling_share') }} as double) as negative_sampling_share
        {% endif %}
    from with_history
    left join customers on with_history.prediction_week = customers.prediction_week

),

fits as (

    select *
    from lessons
    where prediction_week in (select fitted_for_week from fitted_for)

),

predicted as (

    select *
    from with_history
    where week_role <> 'train'
        or prediction_week_index >= (select min(prediction_week_index - training_weeks) from fits)

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
        predicted.prediction_week,
        'observed' as input_name,
        observed_weeks.week_index,
        observed_weeks.build_fingerprint as fingerprint
    from predicted
    inner join observed_weeks on {{ in_window('observed_weeks', 'predicted') }}
    union all
    select
        predicted.prediction_week,
        'promotions' as input_name,
        promotion_fingerprints.week_index,
        cast(promotion_fingerprints.fingerprint as string) as fingerprint
    from predicted
    inner join promotion_fingerprints
        on promotion_fingerprints.week_index
        between predicted.window_first_week_index and predicted.prediction_week_index

),

fingerprints as (

    select
        prediction_week,
        {{ content_fingerprint(['input_name', 'week_index', 'fingerprint']) }} as fingerprint
    from inputs
    group by prediction_week

),

labels as (

    select
        week_index,
        build_fingerprint as label_fingerprint
    from observed_weeks

),

final as (

    select
        predicted.prediction_week,
        predicted.prediction_week_index,
        predicted.week_role,
        -- Weeks that only teach need the examples that they teach with; the others are scored in full.
        case when predicted.week_role in ('validation', 'test', 'score') then 'full' else 'sampled' end as candidate_coverage,
        case
            when candidate_coverage = 'full' then coalesce(customers.active_customers, 0)
            else least(coalesce(customers.active_customers, 0), {{ var('training_customers') }})
        end as active_customers,
        predicted.window_first_week_index,
        predicted.window_last_week_index,
        fitted_for.fitted_for_week,
        fits.training_weeks,
        lessons.negative_sampling_share,
        promotion_fingerprints.week_index is not null as has_known_offers,
        -- Days are counted back from the week's first, which a corrected calendar may move.
        md5(
            concat_ws(' ', cast(fingerprints.fingerprint as string), cast(predicted.starts_on as string))
        ) as window_fingerprint,
        -- What only teaches is chosen by what was bought in the week; other candidates know nothing of it.
        md5(concat_ws(
            ' ',
            window_fingerprint,
            candidate_coverage,
            case when candidate_coverage = 'sampled' then labels.label_fingerprint end
        )) as build_fingerprint,
        md5(concat_ws(' ', window_fingerprint, labels.label_fingerprint)) as example_fingerprint,
        predicted.starts_on,
        predicted.ends_on
    from predicted
    inner join fingerprints on predicted.prediction_week = fingerprints.prediction_week
    left join customers on predicted.prediction_week = customers.prediction_week
    left join fitted_for on predicted.prediction_week = fitted_for.prediction_week
    inner join lessons on predicted.prediction_week = lessons.prediction_week
    left join fits on predicted.prediction_week = fits.prediction_week
    left join promotion_fingerprints on predicted.prediction_week_index = promotion_fingerprints.week_index
    left join labels on predicted.prediction_week_index = labels.week_index

)

select * from final
