from grocery_recommender import prediction_weeks, runs


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    examples = (dbt.ref("training_examples").sql_query(), dbt.ref("training_features").sql_query())
    parameters = dbt.ref("classifier_parameters").fetchall()
    return runs.fit_runs(dbt, session, weeks, examples, parameters)
