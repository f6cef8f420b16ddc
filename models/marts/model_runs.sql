select
    model_run_id,
    target_week,
    objective,
    algorithm,
    parameters,
    training_weeks,
    training_rows,
    best_iteration,
    is_in_use,
    fit_seconds,
    code_version,
    library_versions,
    fitted_at
from {{ ref('classifier_runs') }}
