{# Values of features outside the range that their YAML gives as `config.meta.range: [lowest, highest]`: numbers,
   `observation_weeks` or `observation_days` (the length of the window), or null for no bound. One scan for all features of a model. Null passes: what it means is in the feature's sentence.
   A feature without a sentence or a range is an error before anything is scanned. #}
{% test features_in_range(model) %}
    {%- if execute -%}
    {%- set node = graph.nodes.values() | selectattr('relation_name', 'equalto', model | string) | first -%}
    {%- set weeks = var('observation_weeks') | int -%}
    {%- set lengths = {'observation_weeks': weeks, 'observation_days': 7 * weeks} -%}
    {%- set checks = [] -%}
    {%- for column in node.columns.values() if column.data_type == 'float' -%}
        {%- set range = column.config.get('meta', {}).get('range') -%}
        {%- if not column.description -%}
            {{ exceptions.raise_compiler_error(
                node.name ~ '.' ~ column.name ~ ' has no description: say in YAML what it means, and what null means') }}
        {%- elif not range or range | length != 2 -%}
            {{ exceptions.raise_compiler_error(
                node.name ~ '.' ~ column.name ~ ' has no config.meta.range: say in YAML which values it can have') }}
        {%- endif -%}
        {%- set bounds = [] -%}
        {%- for bound, beyond in [(range[0], ' < '), (range[1], ' > ')] if bound is not none -%}
            {%- do bounds.append(column.name ~ beyond ~ lengths.get(bound, bound)) -%}
        {%- endfor -%}
        {%- do bounds.append('not ' ~ is_finite(column.name)) -%}
        {%- do checks.append((column.name, bounds | join(' or '))) -%}
    {%- endfor %}
    with

    counted as (

        select
            {% for name, is_outside in checks -%}
            count_if({{ is_outside }}) as {{ name }}{{ "," if not loop.last }}
            {% endfor %}
        from {{ model }}

    ),

    outside as (

        {% for name, _ in checks -%}
        select '{{ name }}' as feature, {{ name }} as values_outside from counted
        {{ "union all" if not loop.last }}
        {% endfor %}

    )

    select feature, values_outside
    from outside
    where values_outside > 0
    {%- endif -%}
{% endtest %}
