from grocery_recommender import prediction_weeks, ranking


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    metrics = dbt.ref("ranking_metrics").sql_query()
    return ranking.performance(session.cursor(), weeks, metrics)
