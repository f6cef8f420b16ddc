from grocery_recommender import importance, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    runs = dbt.ref("classifier_runs").sql_query()
    examples = dbt.ref("training_features").sql_query()
    return importance.feature_importance(session.cursor(), weeks, runs, examples)
