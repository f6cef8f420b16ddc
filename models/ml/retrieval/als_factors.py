import pyarrow as pa
from grocery_recommender import als, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    item_weeks = dbt.ref("customer_item_weeks").sql_query()

    def factorize(connection, week):
        # Weights are whole multiples of 2^-20, so that sums do not depend on the order of rows.
        purchases = connection.sql(
            f"""
            select customer_id, product_id,
                sum(round(power(0.5, (? - week_index) / {als.HALF_LIFE_WEEKS}e0) * 1048576)) / 1048576
                    as purchase_weight,
                count(*) over (partition by product_id) as customers
            from ({item_weeks}) where week_index between ? and ?
            group by customer_id, product_id qualify customers >= ?
            """,
            params=[
                week.window_last_week_index,
                week.window_first_week_index,
                week.window_last_week_index,
                als.MINIMUM_CUSTOMERS,
            ],
        ).to_arrow_table()
        return als.rows(als.fit(purchases, als.AlsConfig()))

    schema = pa.schema([("entity", pa.string()), ("entity_id", pa.string()), ("factors", pa.list_(pa.float32()))])
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    return prediction_weeks.stream("als_factors", weeks, dbt, session, schema, factorize)
