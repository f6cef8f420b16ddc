from grocery_recommender import feature_profile, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    examples = (dbt.ref("training_examples").sql_query(), dbt.ref("training_features").sql_query())
    candidates = (dbt.ref("candidates").sql_query(), dbt.ref("candidate_features").sql_query())
    return feature_profile.feature_profile(session.cursor(), weeks, examples, candidates)
