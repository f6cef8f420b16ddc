from grocery_recommender import feature_profile, measurements, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    runs = dbt.ref("classifier_runs").sql_query()
    examples = (dbt.ref("training_examples").sql_query(), dbt.ref("training_features").sql_query())
    candidates = (dbt.ref("candidates").sql_query(), dbt.ref("candidate_features").sql_query())

    def measure(connection):
        return feature_profile.feature_profile(connection, weeks, examples, candidates)

    return measurements.measured_once(dbt, session, weeks, runs, measure)
