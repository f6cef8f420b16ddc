"""What a product gains over the rule beside it, on the same customers."""

from __future__ import annotations

import duckdb
import pytest
from grocery_recommender import product_evaluation


def test_every_customer_gains_the_same() -> None:
    connection = duckdb.connect()
    connection.execute(
        """
        create table results as
        select 12 as prediction_week, 'shopping_list' as protocol, 'f1' as metric, model_name, 'c' || i as customer_id,
            cast(if(model_name = 'expected_f1_length', 0.3, 0.2) + i / 100 as double) as metric_value, 4 as items
        from (select unnest(['own_weekly_items', 'expected_f1_length']) as model_name), range(20) as r(i)
        """
    )
    rows = product_evaluation.performance(connection, "from results").to_pylist()
    (gain,) = (row for row in rows if row["metric"] == "f1_gain_over_own_weekly_items")
    assert gain["model_name"] == "expected_f1_length"
    assert [gain[name] for name in ("metric_value", "lower_bound", "upper_bound")] == pytest.approx([0.1] * 3)
    assert (gain["customers"], gain["pairs"]) == (20, 80)
