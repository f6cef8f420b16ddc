select
    week_role,
    feature,
    pairs,
    missing_share,
    distinct_values,
    mean,
    standard_deviation,
    quantile_05,
    quantile_25,
    quantile_50,
    quantile_75,
    quantile_95,
    squared_correlation,
    population_stability_index,
    redundancy_cluster,
    is_strongest_of_cluster
from {{ ref('feature_profiles') }}
