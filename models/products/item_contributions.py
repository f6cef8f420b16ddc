from grocery_recommender import explanations, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    features = dbt.ref("candidate_features").sql_query()
    runs = dbt.ref("classifier_runs").sql_query()
    shown = dbt.ref("shown_items").sql_query()
    return explanations.explain(dbt, session, weeks, features, runs, shown)
