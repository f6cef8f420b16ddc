{# The relation of the retailer that this build runs on: retailer_ref('products') is
   stg_complete_journey__products, or stg_lgsr__products with retailer: lgsr. #}
{% macro retailer_ref(relation_name) -%}
    {{ return(ref('stg_' ~ var('retailer') ~ '__' ~ relation_name)) }}
{%- endmacro %}


{# The rules that a line of any retailer must pass. The first that fails is the reason that stands in
   marts.rejected_rows; null is a good line. A line needs product_id, basket_id, quantity, spend and purchased_on, the
   calendar's starts_on and ends_on of its week, and excluded_department_id and excluded_category_id, its department and
   category if they stand in the seeds excluded_departments and excluded_categories. #}
{% macro line_rejection_reason() -%}
    case
        when product_id is null then 'missing_product'
        when basket_id is null then 'missing_basket'
        when quantity is null then 'invalid_quantity'
        when spend is null then 'invalid_spend'
        when purchased_on is null then 'invalid_date'
        when starts_on is null then 'unknown_week'
        when purchased_on < starts_on or purchased_on > ends_on then 'date_outside_week'
        when quantity <= 0 then 'quantity_not_positive'
        when spend < 0 then 'negative_spend'
        -- No column of prices holds what one piece would cost.
        when spend >= 1e9 * quantity then 'invalid_spend'
        when excluded_department_id is not null then 'excluded_department'
        when excluded_category_id is not null then 'excluded_category'
    end
{%- endmacro %}


{# Text of plain digits as an integer, null for other text: a cast alone also takes 48.6 (as 49), 0x10 and 1_0. Files of
   LGSR are read likewise. #}
{% macro plain_integer(text_expression) -%}
    case
        when regexp_extract({{ text_expression }}, '[0-9]+', 0) = {{ text_expression }}
            then try_cast({{ text_expression }} as integer)
    end
{%- endmacro %}


{# Text of digits, point and minus sign as a decimal, null for other text. #}
{% macro plain_decimal(text_expression, scale) -%}
    case
        when regexp_extract({{ text_expression }}, '-?([0-9]+[.]?[0-9]*|[.][0-9]+)', 0) = {{ text_expression }}
            then try_cast({{ text_expression }} as decimal(12, {{ scale }}))
    end
{%- endmacro %}


{# The whole number in a column of any type; null where there is none. A cast rounds, week 48.6 to 49, and stops a build
   at 3e9. #}
{% macro whole_number(column) -%}
    case when try_cast({{ column }} as integer) = try_cast({{ column }} as double) then try_cast({{ column }} as integer) end
{%- endmacro %}


{# The id in a column as text. pandas makes an integer column with a hole a double: 1228 would become 1228.0, and meet no
   other file's 1228; a hole that is written as NaN would be one more customer. Text stays as it is. #}
{% macro id_text(column) -%}
    case
        when lower(typeof({{ column }})) not in ('double', 'float') then cast({{ column }} as string)
        when try_cast({{ column }} as bigint) = try_cast({{ column }} as double)
            then cast(try_cast({{ column }} as bigint) as string)
        when lower(cast({{ column }} as string)) <> 'nan' then cast({{ column }} as string)
    end
{%- endmacro %}
