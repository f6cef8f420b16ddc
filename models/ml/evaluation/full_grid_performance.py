from grocery_recommender import full_grid, measurements, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    runs = dbt.ref("classifier_runs").sql_query()
    scores = dbt.ref("evaluation_scores").sql_query()

    def measure(connection):
        return full_grid.performance(connection, scores)

    return measurements.measured_once(dbt, session, weeks, runs, measure)
