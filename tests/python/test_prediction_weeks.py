"""Python models that have rows per prediction week: which weeks they make, and which they keep."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from conftest import Relation
from grocery_recommender import prediction_weeks
from grocery_recommender.prediction_weeks import PredictionWeek

SCHEMA = pa.schema([("week_made", pa.int32())])


def test_a_week_is_kept_while_its_fingerprint_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = duckdb.connect()
    made: list[int] = []

    def compute(_: Any, week: PredictionWeek) -> pa.Table:
        made.append(week.prediction_week)
        return pa.table([pa.array([week.prediction_week], pa.int32())], schema=SCHEMA)

    def build(is_full_refresh: bool = False, **fingerprints: str) -> list[dict]:
        monkeypatch.setattr(prediction_weeks, "is_full_refresh", lambda: is_full_refresh)
        weeks = [
            PredictionWeek(week, week, "score", 1, week - 1, week, "", fingerprint)
            for week, fingerprint in zip((8, 9), fingerprints.values(), strict=True)
        ]
        dbt = SimpleNamespace(this=Relation("kept"))
        rows = prediction_weeks.stream("rows", weeks, dbt, connection, SCHEMA, compute).read_all()
        connection.register("rows", rows)
        connection.execute("create or replace table kept as from rows")
        return rows.to_pylist()

    build(eight="a", nine="b")
    rows = build(eight="a", nine="c")
    assert made == [8, 9, 9]
    assert [(row["week_made"], row["build_fingerprint"]) for row in rows] == [(8, "a"), (9, "c")]
    build(is_full_refresh=True, eight="a", nine="c")
    assert made == [8, 9, 9, 8, 9]
