{# `materialized: per_customer_slice`: a table that is built some thousand customers at a time.

   The model keeps its inputs to {{ customer_slice('customer_key') }}, a range of the hashed key, and this materialization
   runs its SQL for one range after the other: what a slice needs stays in memory however many customers there are. The
   rows lie in the table slice after slice, so that whoever asks for a range of customers reads no others.

   The number of customers comes from dim_customers, which the model has to name. #}

{# Where nobody replaces the keys, as in unit tests, the one slice holds all customers. #}
{% macro customer_slice(customer_key) -%}
    {{ customer_key }} between /* first key */ 0 and /* last key */ 9223372036854775807
{%- endmacro %}


{# A query once for each slice of so many customers; as it is where it asks for no slice. #}
{% macro in_customer_slices(query, customers_query) -%}
    {%- if '/* first key */' not in query -%}
        {{ return([query]) }}
    {%- endif -%}
    {%- set queries = [] -%}
    {%- for first_key, last_key in customer_slices(customers_query) -%}
        {%- do queries.append(
            query
            | replace('/* first key */ 0', first_key)
            | replace('/* last key */ 9223372036854775807', last_key)
        ) -%}
    {%- endfor -%}
    {{ return(queries) }}
{%- endmacro %}


{% materialization per_customer_slice, default, supported_languages=['sql'] %}
    {{ return(write_in_parts(in_customer_slices(sql, 'select count(*) from ' ~ ref('dim_customers')))) }}
{% endmaterialization %}
