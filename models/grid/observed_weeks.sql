-- What each week has seen, as one fingerprint: what is made of weeks is made again when a correction changes theirs.
-- The kind of a basket, store, product or customer is content as much as the lines are.
{% set item_keys = [] %}
{% for level in item_levels() %}{% do item_keys.append('product_versions.' ~ level ~ '_key') %}{% endfor %}

with

weeks as (

    select * from {{ ref('dim_weeks') }} where weeks_to_target < 0

),

basket_items as (

    select * from {{ ref('fct_basket_items') }}

),

baskets as (

    select * from {{ ref('fct_baskets') }}

),

product_versions as (

    select * from {{ ref('dim_product_versions') }}

),

customer_versions as (

    select * from {{ ref('dim_customer_versions') }}

),

line_content as (

    select
        week_index,
        count(*) as lines,
        {{ content_fingerprint([
            'line_number', 'basket_id', 'customer_id', 'product_id', 'store_id', 'quantity', 'spend',
            'winsorized_quantity', 'winsorized_spend', 'purchased_on',
        ]) }} as fingerprint
    from basket_items
    group by week_index

),

basket_content as (

    select
        week_index,
        {{ content_fingerprint([
            'basket_id', 'basket_price_sensitivity', 'basket_size', 'basket_type', 'basket_mission', 'day_part',
            'store_format', 'store_region',
        ]) }} as fingerprint
    from baskets
    group by week_index

),

product_content as (

    select
        weeks.week_index,
        {{ content_fingerprint(item_keys) }} as fingerprint
    from weeks
    inner join product_versions
        on {{ is_valid_in('product_versions', 'weeks.week_index') }}
    group by weeks.week_index

),

customer_content as (

    select
        weeks.week_index,
        {{ content_fingerprint([
            'customer_id', 'lifestage', 'price_sensitivity', 'age_band', 'income_band', 'household_size',
            'household_composition',
        ]) }} as fingerprint
    from weeks
    inner join customer_versions
        on {{ is_valid_in('customer_versions', 'weeks.week_index') }}
    group by weeks.week_index

),

final as (

    select
        weeks.week,
        weeks.week_index,
        line_content.lines,
        md5(concat_ws(
            ' ',
            cast(line_content.fingerprint as string),
            cast(basket_content.fingerprint as string),
            cast(product_content.fingerprint as string),
            cast(coalesce(customer_content.fingerprint, 0) as string),
            {{ run_variable('feature_code_version') }}
        )) as build_fingerprint
    from weeks
    inner join line_content on weeks.week_index = line_content.week_index
    left join basket_content on weeks.week_index = basket_content.week_index
    inner join product_content on weeks.week_index = product_content.week_index
    left join customer_content on weeks.week_index = customer_content.week_index

)

select * from final
