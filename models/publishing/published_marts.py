from grocery_recommender import publishing


def model(dbt, session):
    dbt.config(materialized="table")
    marts = {
        "recommendations": dbt.ref("recommendations"),
        "shopping_lists": dbt.ref("shopping_lists"),
        "personal_flyers": dbt.ref("personal_flyers"),
        "forgotten_items": dbt.ref("forgotten_items"),
        "recommendation_outcomes": dbt.ref("recommendation_outcomes"),
        "outcome_summary": dbt.ref("outcome_summary"),
        "model_performance": dbt.ref("model_performance"),
        "model_calibration": dbt.ref("model_calibration"),
        "segment_calibration": dbt.ref("segment_calibration"),
        "feature_importance": dbt.ref("feature_importance"),
        "feature_profile": dbt.ref("feature_profile"),
        "model_runs": dbt.ref("model_runs"),
        "ingested_files": dbt.ref("ingested_files"),
        "row_reconciliation": dbt.ref("row_reconciliation"),
        "products": dbt.ref("dim_products"),
        "weeks": dbt.ref("dim_weeks"),
    }
    folder, pseudonymous = dbt.config.meta_get("publish_folder"), dbt.config.meta_get("pseudonymous_customer_ids")
    return publishing.publish_relations(session.cursor(), marts, folder, pseudonymous)
