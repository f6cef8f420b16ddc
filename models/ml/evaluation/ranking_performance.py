from grocery_recommender import ranking


def model(dbt, session):
    dbt.config(materialized="table")
    metrics = dbt.ref("ranking_metrics").sql_query()
    return ranking.performance(session.cursor(), metrics)
