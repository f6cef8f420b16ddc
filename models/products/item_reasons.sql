-- The sentence beside every pair that a product shows: true facts of the pair, those first that speak most for it by
-- the model's own account. What speaks against it is left out; how the customer and the product met is always said.
{% set clauses = ['history', 'timing', 'offer'] %}
{% set offers = {'mailer': 'is_in_mailer', 'display': 'is_on_display', 'price_drop': 'is_price_dropped'} %}

with

prediction_weeks as (

    select * from {{ ref('prediction_weeks') }} where week_role = 'score'

),

candidate_scores as (

    select * from {{ ref('candidate_scores') }}

),

item_contributions as (

    select * from {{ ref('item_contributions') }}

),

purchase_habits as (

    select * from {{ ref('purchase_habits') }}

),

earlier_purchases as (

    select distinct
        item_weeks.customer_id,
        item_weeks.product_id
    from {{ ref('customer_item_weeks') }} as item_weeks
    inner join prediction_weeks on item_weeks.week_index < prediction_weeks.window_first_week_index
    inner join item_contributions
        on prediction_weeks.prediction_week = item_contributions.prediction_week
        and item_weeks.customer_id = item_contributions.customer_id
        and item_weeks.product_id = item_contributions.product_id

),

facts as (

    select
        candidate_scores.prediction_week,
        candidate_scores.customer_id,
        candidate_scores.product_id,
        candidate_scores.candidate_source,
        prediction_weeks.window_last_week_index - prediction_weeks.window_first_week_index + 1 as window_weeks,
        cast(candidate_scores.customer_product_visits_52_weeks as integer) as visits,
        purchase_habits.purchase_days,
        purchase_habits.purchase_cycle_days as cycle_days,
        purchase_habits.mean_gap_days,
        cast(candidate_scores.customer_product_days_since_last_purchase as integer) as days_since_last_purchase,
        earlier_purchases.product_id is not null as was_bought_earlier,
        {% for offer_type, fact in offers.items() %}
        -- As in flyers, an offer of few stores is none that a customer can count on.
        coalesce(
            candidate_scores.known_offer_{{ offer_type }}_share > 0
            and candidate_scores.known_offer_{{ offer_type }}_share >= cast({{ var('flyer_minimum_store_share') }} as float),
            false
        ) as {{ fact }},
        {% endfor %}
        case
            when candidate_scores.candidate_source = 'repeat' then item_contributions.history_contribution
            else item_contributions.likeness_contribution + item_contributions.product_contribution
        end as history_contribution,
        item_contributions.timing_contribution,
        item_contributions.offer_contribution
    from candidate_scores
    inner join prediction_weeks on candidate_scores.prediction_week = prediction_weeks.prediction_week
    inner join item_contributions
        on candidate_scores.prediction_week = item_contributions.prediction_week
        and candidate_scores.customer_id = item_contributions.customer_id
        and candidate_scores.product_id = item_contributions.product_id
    left join purchase_habits
        on candidate_scores.prediction_week = purchase_habits.prediction_week
        and candidate_scores.customer_id = purchase_habits.customer_id
        and candidate_scores.product_id = purchase_habits.product_id
    left join earlier_purchases
        on candidate_scores.customer_id = earlier_purchases.customer_id
        and candidate_scores.product_id = earlier_purchases.product_id

),

clauses as (

    {% for clause in clauses %}
    select
        prediction_week,
        customer_id,
        product_id,
        {{ loop.index }} as clause_number,
        {{ clause }}_contribution as contribution,
        {{ reason_clause(clause) }} as clause
    from facts
    {{ "union all" if not loop.last }}
    {% endfor %}

),

ranked as (

    select
        *,
        row_number() over (
            partition by prediction_week, customer_id, product_id order by contribution desc, clause_number asc
        ) as place
    from clauses
    where clause is not null and (clause_number = 1 or contribution > 0)

),

sentences as (

    select
        prediction_week,
        customer_id,
        product_id,
        concat_ws(
            '; ',
            {% for _ in clauses %}
            max(case when place = {{ loop.index }} then clause end){{ "," if not loop.last }}
            {% endfor %}
        ) as sentence
    from ranked
    group by prediction_week, customer_id, product_id

),

final as (

    select
        prediction_week,
        customer_id,
        product_id,
        concat(upper(substr(sentence, 1, 1)), substr(sentence, 2), '.') as reason
    from sentences

)

select * from final
