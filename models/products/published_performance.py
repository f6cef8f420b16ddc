from grocery_recommender import ranking


def model(dbt, session):
    dbt.config(materialized="table")
    published = dbt.ref("published_metrics").sql_query()
    measured = dbt.ref("ranking_metrics").sql_query()
    return ranking.published_performance(session.cursor(), published, measured)
