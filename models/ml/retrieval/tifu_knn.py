from grocery_recommender import prediction_weeks, tifu_knn


def model(dbt, session):
    dbt.config(materialized="table")
    item_weeks = dbt.ref("customer_item_weeks").sql_query()
    active = dbt.ref("active_customers").sql_query()
    config = tifu_knn.TifuKnnConfig()
    count = int(dbt.config.meta_get("new_candidates_from_neighbours"))

    def score(connection, week):
        vectors = connection.sql(tifu_knn.vectors_sql(item_weeks, week, config)).to_arrow_table()
        customers = connection.sql(
            f"select customer_id from ({active}) where prediction_week = ?", params=[week.prediction_week]
        ).to_arrow_table()
        return tifu_knn.score(vectors, customers["customer_id"].combine_chunks(), count, config)

    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    return prediction_weeks.stream("tifu_knn", weeks, dbt, session, tifu_knn.SCHEMA, score)
