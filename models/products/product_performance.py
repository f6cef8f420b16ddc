from grocery_recommender import product_evaluation


def model(dbt, session):
    dbt.config(materialized="table")
    results = dbt.ref("customer_results").sql_query()
    return product_evaluation.performance(session.cursor(), results)
