from grocery_recommender import prediction_weeks, runs


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    examples = dbt.ref("training_features").sql_query()
    parameters = dbt.ref("classifier_parameters").fetchall()
    every = int(dbt.config.meta_get("retrain_every_weeks"))
    return runs.fit_runs(dbt, session, weeks, examples, parameters, every)
