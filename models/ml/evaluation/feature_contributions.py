from grocery_recommender import importance, measurements, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    runs = dbt.ref("classifier_runs").sql_query()
    examples = dbt.ref("training_features").sql_query()

    def measure(connection):
        return importance.feature_importance(connection, weeks, runs, examples)

    return measurements.measured_once(dbt, session, weeks, runs, measure)
