from grocery_recommender import list_length


def model(dbt, session):
    dbt.config(materialized="table")
    scores = dbt.ref("candidate_scores").sql_query()
    outlook = dbt.ref("customer_outlook").sql_query()
    maximum = int(dbt.config.meta_get("shopping_list_maximum_length"))
    return list_length.choose(session.cursor(), scores, outlook, maximum)
