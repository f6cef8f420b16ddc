from grocery_recommender import als, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    item_weeks = dbt.ref("customer_item_weeks").sql_query()

    def factorize(connection, week):
        purchases = connection.sql(als.purchases_sql(item_weeks, week)).to_arrow_table()
        return als.rows(als.fit(purchases, als.AlsConfig()))

    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    return prediction_weeks.stream("als_factors", weeks, dbt, session, als.SCHEMA, factorize)
