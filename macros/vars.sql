{# First hook of a run: a var that is misspelt would be ignored, and one out of range would fail somewhere else, for a
   reason that names no var. #}
{% macro check_vars() -%}
    {#- Features look back 52 weeks: a longer window would hold purchases that none of them sees. -#}
    {%- set counts = {
        'observation_weeks': (1, 52),
        'training_weeks': (1, 520),
        'retrain_every_weeks': (1, 520),
        'active_weeks': (1, 520),
        'backtest_weeks': (0, 520),
        'minimum_history_weeks': (1, 520),
        'customers_at_a_time': (1, 1000000000),
        'lines_at_a_time': (1, 1000000000000),
        'recommendations_per_customer': (1, 1000),
        'new_recommendations_per_customer': (0, 1000),
        'new_candidates_from_als': (0, 1000),
        'new_candidates_from_neighbours': (0, 1000),
        'new_candidates_from_categories': (0, 1000),
        'new_candidates_from_offers': (0, 1000),
        'new_candidates_from_popularity': (0, 1000),
        'training_customers': (1, 1000000000),
        'shopping_list_maximum_length': (1, 1000),
        'flyer_items_per_customer': (1, 1000),
        'flyer_items_per_category': (1, 1000),
        'reminders_per_customer': (1, 1000),
    } -%}
    {%- set or_null = ['training_weeks', 'negative_sampling_share', 'new_recommendations_per_customer'] -%}
    {%- set shares = {
        'winsorize_lower': (0, 1),
        'winsorize_upper': (0, 1),
        'max_rejected_share': (0, 1),
        'negative_sampling_share': (0.001, 1),
        'holdout_share': (0, 1),
        'flyer_new_item_share': (0, 1),
        'flyer_minimum_store_share': (0, 1),
        'would_buy_anyway_probability': (0, 1),
    } -%}
    {%- set others = [
        'retailer', 'complete_journey_path', 'lgsr_path', 'target_week', 'offers_path', 'open_baskets_path',
        'pseudonymous_customer_ids',
    ] -%}
    {%- if execute -%}
        {%- for name in invocation_args_dict.get('vars', {}) if name not in counts and name not in shares and name not in others -%}
            {{ exceptions.raise_compiler_error(
                "there is no var " ~ name ~ "; those that there are stand in dbt_project.yml and in macros/vars.sql"
            ) }}
        {%- endfor -%}
        {%- for kind, limits in (('whole number', counts), ('number', shares)) -%}
            {%- for name, (lowest, highest) in limits.items() if var(name) is not none or name not in or_null -%}
                {%- set value = var(name) | float(highest + 1) -%}
                {%- if not lowest <= value <= highest or (kind == 'whole number' and value != value | int) -%}
                    {{ exceptions.raise_compiler_error(
                        "var " ~ name ~ " is " ~ var(name) ~ "; it must be a " ~ kind ~ " from " ~ lowest ~ " to " ~ highest
                    ) }}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
        {#- Otherwise every line would be taken for the higher of the two. -#}
        {%- if var('winsorize_lower') | float > var('winsorize_upper') | float -%}
            {{ exceptions.raise_compiler_error(
                "var winsorize_lower is " ~ var('winsorize_lower') ~ "; it must be no more than winsorize_upper, which is "
                ~ var('winsorize_upper')
            ) }}
        {%- endif -%}
        {#- Rejected lines and reconciled files are told apart by the names of files. -#}
        {%- set offers = ((var('offers_path') or '') | string).split('/')[-1] -%}
        {%- set open_baskets = ((var('open_baskets_path') or '') | string).split('/')[-1] -%}
        {%- if offers and offers == open_baskets -%}
            {{ exceptions.raise_compiler_error(
                "offers_path and open_baskets_path both name a file " ~ offers ~ "; give one of them another name"
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
