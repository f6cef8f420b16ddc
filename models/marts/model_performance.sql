{{ config(**keep_history_by('prediction_week')) }}

with

performance as (

    {% for measured in [
        ref('ranking_performance'), ref('published_performance'), ref('segment_performance'), ref('full_grid_performance'),
        ref('balanced_performance'), ref('list_characteristics'), ref('candidate_coverage'), ref('product_performance'),
    ] %}
    select
        prediction_week, week_role, model_name, protocol, metric, metric_value, lower_bound, upper_bound, customers,
        pairs
    from {{ measured }}
    {{ "union all" if not loop.last }}
    {% endfor %}

)

select * from performance
