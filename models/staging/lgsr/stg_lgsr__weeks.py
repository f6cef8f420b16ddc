from grocery_recommender import ingestion


def model(dbt, session):
    dbt.config(materialized="table")
    return ingestion.read_weeks(dbt.config.meta_get("lgsr_path"))
