"""Means, intervals and gains of the ranking protocol."""

from __future__ import annotations

import duckdb
import pytest
from grocery_recommender import ranking


def test_performance_of_models_scopes_and_lengths() -> None:
    connection = duckdb.connect()
    models = ("lightgbm_lambdarank", *ranking.BASELINES)
    connection.execute(
        f"""
        create table metrics as
        select 12 as prediction_week, model_name, scope, cutoff, 'c' || i as customer_id, 100 as candidates,
            case model_name when 'lightgbm_lambdarank' then 0.6 when 'tifu_knn' then 0.5 else 0.1 end
                * (1 + i % 2) / 2 as value,
            value as recall, value as capped_recall, value as list_precision, value as ndcg,
            value as average_precision, 1 as hit
        from (select unnest({list(models)}) as model_name) as m, (select unnest(['all', 'new']) as scope) as s,
            (select unnest([5, 10]) as cutoff) as k, range(40) as r(i)
        where scope = 'all' or i < 10
        """
    )
    rows = {
        (row["model_name"], row["metric"]): row
        for row in ranking.performance(connection, "select * from metrics").to_pylist()
    }
    learnt = rows["lightgbm_lambdarank", "ndcg@10"]
    assert learnt["metric_value"] == pytest.approx(0.45)
    assert learnt["lower_bound"] < 0.45 < learnt["upper_bound"]
    assert (learnt["customers"], learnt["pairs"]) == (40, 4000)
    assert rows["lightgbm_lambdarank", "ndcg@10_new"]["customers"] == 10
    # Every customer gains a fifth over the best baseline: the paired interval knows it, whoever is drawn.
    gain = rows["lightgbm_lambdarank", "ndcg@5_gain"]
    assert [gain[n] for n in ("metric_value", "lower_bound", "upper_bound")] == pytest.approx([0.2, 0.2, 0.2])
    assert ("tifu_knn", "ndcg@5_gain") not in rows


def test_no_customers_give_no_rows() -> None:
    query = "select 1 as prediction_week, '' as customer_id where false"
    assert ranking.performance(duckdb.connect(), query).num_rows == 0
