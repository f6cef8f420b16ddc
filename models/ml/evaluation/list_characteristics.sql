-- Beyond accuracy: what the lists of ten hold, whether it is bought or not.
{% set cutoff = 10 %}

with

lists as (

    select * from {{ ref('evaluation_lists') }} where list_rank <= {{ cutoff }}

),

evaluation_scores as (

    select * from {{ ref('evaluation_scores') }} where week_role = 'test'

),

candidate_products as (

    select
        product_id,
        max(coalesce(popularity, 0)) as baskets
    from evaluation_scores
    group by product_id

),

-- The catalogue: all that is a candidate of somebody, with its share of all products in the baskets of the last four weeks.
catalogue as (

    select
        *,
        sum(baskets) over () as all_baskets,
        count(*) over () as products
    from candidate_products

),

models as (

    select distinct
        prediction_week,
        model_name
    from lists

),

frequent as (

    select customer_id, product_id from lists where model_name = 'personal_frequency'

),

listed as (

    select
        lists.model_name,
        count(*) as items,
        count(distinct lists.customer_id) as customers,
        -- Baskets of a product that nobody bought lately count as a half.
        -- Whole numbers add up to the same in any order.
        sum(round(-log2(greatest(catalogue.baskets, 0.5e0) / catalogue.all_baskets) * 1e9)) / 1e9 / count(*) as novelty,
        cast(count(frequent.product_id) as double) / count(*) as personal_frequency_overlap
    from lists
    inner join catalogue on lists.product_id = catalogue.product_id
    left join frequent
        on lists.customer_id = frequent.customer_id
        and lists.product_id = frequent.product_id
    group by lists.model_name

),

exposures as (

    select
        model_name,
        product_id,
        count(*) as times
    from lists
    group by model_name, product_id

),

ranked_exposures as (

    select
        models.prediction_week,
        models.model_name,
        catalogue.products,
        coalesce(exposures.times, 0) as times,
        row_number() over (
            partition by models.model_name order by coalesce(exposures.times, 0), catalogue.product_id
        ) as position
    from models
    cross join catalogue
    left join exposures
        on models.model_name = exposures.model_name
        and catalogue.product_id = exposures.product_id

),

spread as (

    select
        prediction_week,
        model_name,
        cast(count_if(times > 0) as double) / max(products) as catalogue_coverage,
        -- Gini coefficient of how often each product is listed: 0 is all alike, 1 is always the same one.
        cast(sum((2 * position - products - 1) * times) as double) / (max(products) * sum(times)) as gini
    from ranked_exposures
    group by prediction_week, model_name

),

final as (

    {% for metric in ['catalogue_coverage', 'gini', 'novelty', 'personal_frequency_overlap'] %}
    select
        spread.prediction_week,
        'test' as week_role,
        spread.model_name,
        'beyond_accuracy' as protocol,
        '{{ metric }}@{{ cutoff }}' as metric,
        {{ metric }} as metric_value,
        cast(null as double) as lower_bound,
        cast(null as double) as upper_bound,
        listed.customers,
        listed.items as pairs
    from spread
    inner join listed on spread.model_name = listed.model_name
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select * from final
