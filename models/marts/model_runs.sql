select
    model_run_id,
    target_week,
    purpose,
    objective,
    algorithm,
    parameters,
    training_weeks,
    training_rows,
    best_iteration,
    fit_seconds,
    code_version,
    library_versions,
    fitted_at
from {{ ref('classifier_runs') }}
