{{ config(materialized='view') }}

with

checked_lines as (

    select * from {{ ref('stg_complete_journey__checked_lines') }}

),

-- Returns, and what is no merchandise, are no damage.
damage as (

    select
        count(*) as lines,
        count(reason) as damaged_lines,
        mode(reason) as most_common_reason
    from (
        select
            case
                when rejection_reason not in ('quantity_not_positive', 'excluded_department', 'excluded_category')
                    then rejection_reason
            end as reason
        from checked_lines
        where not is_duplicate
    ) as judged

),

final as (

    select
        file_name,
        line_number,
        basket_id,
        customer_id,
        product_id,
        store_id,
        null::string as basket_size,
        null::string as basket_price_sensitivity,
        null::string as basket_type,
        null::string as basket_mission,
        week,
        extract(hour from purchased_at)::integer as purchase_hour,
        quantity,
        spend,
        purchased_on
    from checked_lines
    cross join damage
    where
        case
            when damage.damaged_lines > {{ var('max_rejected_share') | float }} * damage.lines
                then {{ fail_with(
                    "concat('transactions.parquet: ', damage.damaged_lines, ' of ', damage.lines, ' lines are damaged,'"
                    ~ ", ' more than the share of " ~ var('max_rejected_share') ~ " that is let pass; most often: '"
                    ~ ", damage.most_common_reason, '. Mend the file, or raise the var max_rejected_share.')"
                ) }}
            else checked_lines.rejection_reason is null and not checked_lines.is_duplicate
        end

)

select * from final
