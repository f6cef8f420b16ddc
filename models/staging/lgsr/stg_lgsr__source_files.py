from grocery_recommender import ingestion


def model(dbt, session):
    dbt.config(materialized="table")
    config = ingestion.LoadConfig(
        lgsr_path=dbt.config.meta_get("lgsr_path"),
        max_rejected_share=dbt.config.meta_get("max_rejected_share"),
    )
    weeks = dbt.ref("stg_lgsr__weeks")
    excluded_departments = dbt.ref("excluded_departments").filter("retailer = 'lgsr'")
    return ingestion.load_files(
        session,
        config,
        weeks=[ingestion.Week(*row) for row in weeks.select("week", "starts_on", "ends_on").order("week").fetchall()],
        excluded_departments=[row[0] for row in excluded_departments.select("department_id").fetchall()],
    )
