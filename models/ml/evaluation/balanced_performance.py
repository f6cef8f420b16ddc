from grocery_recommender import balanced_sample, measurements, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    features = dbt.ref("balanced_features").sql_query()
    runs = dbt.ref("classifier_runs").sql_query()

    def measure(connection):
        return balanced_sample.performance(connection, weeks, features, runs)

    return measurements.measured_once(dbt, session, weeks, runs, measure)
