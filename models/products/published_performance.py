from grocery_recommender import prediction_weeks, ranking


def model(dbt, session):
    dbt.config(materialized="table")
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    published = dbt.ref("published_metrics").sql_query()
    measured = dbt.ref("ranking_metrics").sql_query()
    return ranking.published_performance(session.cursor(), weeks, published, measured)
