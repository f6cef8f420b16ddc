import pyarrow as pa
from grocery_recommender import als, prediction_weeks


def model(dbt, session):
    dbt.config(materialized="table")
    factors = dbt.ref("als_factors").sql_query()
    active = dbt.ref("active_customers").sql_query()
    item_weeks = dbt.ref("customer_item_weeks").sql_query()
    count = int(dbt.config.meta_get("new_candidates_from_als"))

    def propose(connection, week):
        def read(sql, *parameters):
            return connection.sql(sql, params=parameters).to_arrow_table()

        this_week = week.prediction_week
        window = (week.window_first_week_index, week.window_last_week_index)
        customers = read(f"select customer_id from ({active}) where prediction_week = ?", this_week)["customer_id"]
        bought = f"select distinct customer_id, product_id from ({item_weeks}) where week_index between ? and ?"
        stored = read(f"select entity, entity_id, factors from ({factors}) where prediction_week = ?", this_week)
        return als.top_unseen(als.from_rows(stored), read(bought, *window), customers.combine_chunks(), count)

    schema = pa.schema([("customer_id", pa.string()), ("product_id", pa.string()), ("als_rank", pa.int32())])
    weeks = prediction_weeks.read(dbt.ref("prediction_weeks"))
    return prediction_weeks.stream("als_candidates", weeks, dbt, session, schema, propose)
