-- The package holds no repeated line, but a user's own extract may: the first of several equal ones counts. Of a line
-- with a value that cannot be read nobody knows whether it repeats another.
with

parsed_lines as (

    select * from {{ ref('stg_complete_journey__parsed_lines') }}

),

weeks as (

    select * from {{ ref('stg_complete_journey__weeks') }}

),

products as (

    select * from {{ ref('stg_complete_journey__products') }}

),

excluded_departments as (

    select department_id as excluded_department_id
    from {{ ref('excluded_departments') }}
    where retailer = 'complete_journey'

),

excluded_categories as (

    select category_id as excluded_category_id
    from {{ ref('excluded_categories') }}
    where retailer = 'complete_journey'

),

with_context as (

    select
        parsed_lines.*,
        weeks.starts_on,
        weeks.ends_on,
        excluded_departments.excluded_department_id,
        excluded_categories.excluded_category_id,
        row_number() over (
            partition by
                parsed_lines.basket_id, parsed_lines.product_id, parsed_lines.customer_id, parsed_lines.store_id,
                parsed_lines.purchased_at, parsed_lines.week, parsed_lines.quantity, parsed_lines.spend
            order by parsed_lines.line_number
        ) > 1
        and parsed_lines.purchased_at is not null
        and parsed_lines.week is not null
        and parsed_lines.quantity is not null
        and parsed_lines.spend is not null as is_duplicate
    from parsed_lines
    left join weeks on parsed_lines.week = weeks.week
    left join products on parsed_lines.product_id = products.product_id
    left join excluded_departments on products.department_id = excluded_departments.excluded_department_id
    left join excluded_categories on products.category_id = excluded_categories.excluded_category_id

),

final as (

    select
        file_name,
        line_number,
        basket_id,
        customer_id,
        product_id,
        store_id,
        week,
        quantity,
        spend,
        is_duplicate,
        {{ line_rejection_reason() }} as rejection_reason,
        purchased_on,
        purchased_at
    from with_context

)

select * from final
