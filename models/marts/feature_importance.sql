{{ config(**keep_history_by('model_run_id')) }}

with

contributions as (

    select * from {{ ref('feature_contributions') }}

),

final as (

    select
        model_run_id,
        feature,
        is_used,
        round(gain, 6) as gain,
        splits,
        round(mean_abs_shap, 9) as mean_abs_shap,
        round(permutation_importance, 12) as permutation_importance
    from contributions

)

select * from final
