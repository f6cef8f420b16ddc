from grocery_recommender import prediction_weeks, scoring


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    features = dbt.ref("candidate_features").sql_query()
    runs = dbt.ref("classifier_runs").sql_query()
    return scoring.score_weeks(dbt, session, weeks, features, runs)
