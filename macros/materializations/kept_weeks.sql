{# What `per_prediction_week` and `per_week` share: a table that keeps its weeks.

   A stored week is kept while its build_fingerprint is made of the same two things: the fingerprint of what was seen that
   `weeks_relation` gives, there by the same name or by that in the model's meta, `kept_by`, and the code and vars of this
   run. Otherwise it is computed again, so that a model selected alone after an edit is made anew, and made once more by
   the build that follows, whose weeks were fingerprinted by the new code.
   Weeks that are no longer there are dropped, so that the table is always what a build from nothing would give.
   `queries_for` makes queries of the model's SQL: together they give the rows of the weeks that it is called with. #}
{% macro keep_weeks(weeks_relation, week_column, queries_for) -%}
    {%- set weeks = compare_weeks(load_cached_relation(this), weeks_relation, week_column) -%}
    {{ log('     ' ~ this.identifier ~ ': ' ~ weeks.to_build | length ~ ' weeks to build, '
           ~ weeks.kept | length ~ ' kept', info=True) }}
    {%- if not weeks.to_build and not weeks.kept -%}
        {{ exceptions.raise_compiler_error(
            'not enough history: there is no week to make; load more weeks, or lower minimum_history_weeks'
        ) }}
    {%- endif -%}
    {#- Also where no week is made: the columns may have been edited and not their description, or the other way round. -#}
    {%- if weeks.kept and config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(queries_for((weeks.to_build + weeks.kept)[:1])[0]) }}
    {%- endif -%}
    {%- set queries = [] -%}
    {%- for query in queries_for(weeks.to_build) -%}
        {%- do queries.append(
            'select ' ~ all_but('made', ['build_fingerprint']) ~ ', ' ~ made_by_this_run('made.build_fingerprint')
            ~ ' as build_fingerprint from (' ~ query ~ ') as made'
        ) -%}
    {%- endfor -%}
    {{ return(write_in_parts(queries, week_column, weeks)) }}
{%- endmacro %}


{# The fingerprint of what was seen, and of who makes something of it. #}
{% macro made_by_this_run(fingerprint) -%}
    md5(concat({{ fingerprint }}, {{ run_variable('feature_code_version') }}))
{%- endmacro %}


{# The weeks of a relation, in order, that the table has to build, those that it keeps, and those of it that are stale. #}
{% macro compare_weeks(existing, weeks_relation, week_column) -%}
    {%- set wanted = {} -%}
    {%- set fingerprint = config.get('meta', {}).get('kept_by', 'build_fingerprint') -%}
    {%- for row in run_query(
        'select ' ~ week_column ~ ', ' ~ made_by_this_run(fingerprint) ~ ' from ' ~ weeks_relation ~ ' order by 1'
    ) -%}
        {%- do wanted.update({row[0]: row[1]}) -%}
    {%- endfor -%}
    {%- set kept, stale = [], [] -%}
    {%- set columns = [] if existing is none else adapter.get_columns_in_relation(existing) | map(attribute='name') | list -%}
    {%- if 'build_fingerprint' in columns and not should_full_refresh() -%}
        {%- for row in run_query('select distinct ' ~ week_column ~ ', build_fingerprint from ' ~ existing) -%}
            {%- do (kept if wanted.get(row[0]) == row[1] else stale).append(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return({'to_build': wanted.keys() | reject('in', kept) | list, 'kept': kept, 'stale': stale}) }}
{%- endmacro %}
