from grocery_recommender import balanced_sample, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    features = dbt.ref("balanced_features").sql_query()
    runs = dbt.ref("classifier_runs").sql_query()
    return balanced_sample.performance(session.cursor(), weeks, features, runs)
