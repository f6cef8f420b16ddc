from grocery_recommender import full_grid


def model(dbt, session):
    dbt.config(materialized="table")
    scores = dbt.ref("evaluation_scores").sql_query()
    return full_grid.performance(session.cursor(), scores)
