from grocery_recommender import ingestion


def model(dbt, session):
    dbt.config(materialized="table")
    config = ingestion.LoadConfig(
        lgsr_path=dbt.config.meta_get("lgsr_path"),
        max_rejected_share=float(dbt.config.meta_get("max_rejected_share")),
    )
    weeks = dbt.ref("stg_lgsr__weeks").sql_query()
    excluded_departments = dbt.ref("excluded_departments").sql_query()
    excluded_categories = dbt.ref("excluded_categories").sql_query()
    return ingestion.load(session, config, weeks, excluded_departments, excluded_categories)
