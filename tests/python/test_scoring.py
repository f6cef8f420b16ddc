"""Scores and explanations that are stored already are kept, as long as they are made from the same."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa
import pytest
from conftest import Relation, undecided_network
from grocery_recommender import explanations, prediction_weeks, runs, scoring
from grocery_recommender.prediction_weeks import PredictionWeek

RUNS = "select * from runs"
FEATURES = "select * from features"


def weeks(fingerprints: str = "abc") -> list[PredictionWeek]:
    roles = ("validation", "test", "score")
    return [PredictionWeek(8 + n, 8 + n, role, 1, 7 + n, 8 + n, "", fingerprints[n]) for n, role in enumerate(roles)]


class Shop:
    """Forty candidates in each of three weeks, the runs of each, and the tables that the models have written."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        facts = ", ".join(f"cast((n * {k + 3}) % 17 as float) as {name}" for k, name in enumerate(scoring.FACTS))
        self.connection.execute(
            "create table features as select cast(week as int) as prediction_week, 'c' || n % 4 as customer_id,"
            f" 'p' || n // 4 as product_id, 'repeat' as candidate_source, {facts}"
            " from range(40) as pairs(n) cross join range(8, 11) as weeks(week)"
        )
        self.write("runs", self.stored_runs())
        self.connection.execute("create table shown (customer_id varchar, product_id varchar)")

    @staticmethod
    def stored_runs(seed: int = 1) -> pa.Table:
        features = np.random.default_rng(seed).normal(size=(200, len(scoring.FACTS)))
        dataset = lightgbm.Dataset(features, (features[:, 0] > 0) * 1.0, feature_name=list(scoring.FACTS))
        booster = lightgbm.train({"objective": "binary", "verbosity": -1}, dataset, 5).model_to_string()
        texts = {
            "binary": booster,
            "lambdarank": booster,
            "network": undecided_network(len(scoring.FACTS)).to_text(),
        }
        rows = [
            {
                "model_run_id": f"{target_week}-{objective}-{seed}",
                "target_week": target_week,
                "objective": objective,
                "model_text": text,
                "is_in_use": True,
            }
            for target_week in (8, 9, 10)
            for objective, text in texts.items()
        ]
        return pa.Table.from_pylist(rows, schema=runs.SCHEMA)

    def show(self, condition: str) -> None:
        self.connection.execute("delete from shown")
        self.connection.execute(
            f"insert into shown select customer_id, product_id from features where prediction_week = 10 and {condition}"
        )

    def write(self, table: str, rows: pa.Table) -> None:
        self.connection.register("rows", rows)
        self.connection.execute(f"create or replace table {table} as select * from rows")

    def save(self, table: str, rows: pa.RecordBatchReader) -> list[tuple]:
        self.write(table, rows.read_all())
        return self.connection.execute(f"from {table} order by all").fetchall()

    def score(self, fingerprints: str = "abc") -> list[tuple]:
        dbt = SimpleNamespace(this=Relation("scores"))
        return self.save("scores", scoring.score_weeks(dbt, self.connection, weeks(fingerprints), FEATURES, RUNS))

    def explain(self, fingerprints: str = "abc") -> list[tuple]:
        dbt = SimpleNamespace(this=Relation("contributions"))
        explained = explanations.explain(
            dbt, self.connection, weeks(fingerprints), FEATURES, RUNS, "select * from shown"
        )
        return self.save("contributions", explained)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(prediction_weeks, "is_full_refresh", lambda: False)
    return Shop()


@pytest.fixture
def scored_weeks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The week of each call that scored rows, as they happen."""
    calls: list[int] = []
    original = scoring._scored

    def counted(scorer: runs.Scorer, fingerprint: str, batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in original(scorer, fingerprint, batches):
            calls.extend(set(batch.column("prediction_week").to_pylist()))
            yield batch

    monkeypatch.setattr(scoring, "_scored", counted)
    return calls


def test_only_weeks_that_are_made_from_something_else_are_scored_again(shop: Shop, scored_weeks: list[int]) -> None:
    first = shop.score()
    assert len(first) == 120
    assert scored_weeks == [8, 9, 10]
    assert shop.score() == first
    assert scored_weeks == [8, 9, 10]
    again = shop.score("abd")
    assert scored_weeks == [8, 9, 10, 10]
    without_fingerprint = [[(row[0], *row[2:]) for row in rows] for rows in (first, again)]
    assert without_fingerprint[0] == without_fingerprint[1]


def test_other_boosters_score_all_weeks_again(shop: Shop, scored_weeks: list[int]) -> None:
    shop.score()
    shop.write("runs", Shop.stored_runs(2))
    shop.score()
    assert scored_weeks == [8, 9, 10, 8, 9, 10]


def test_only_pairs_that_are_newly_shown_are_explained(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    explained: list[int] = []
    original = explanations.family_contributions

    def counted(booster: lightgbm.Booster, features: np.ndarray) -> np.ndarray:
        explained.append(len(features))
        return original(booster, features)

    monkeypatch.setattr(explanations, "family_contributions", counted)
    shop.show("customer_id <> 'c0'")
    first = shop.explain()
    assert (len(first), sum(explained)) == (30, 30)
    shop.show("customer_id <> 'c1'")
    second = shop.explain()
    assert (len(second), sum(explained)) == (30, 40)
    assert {row[2] for row in second} == {"c0", "c2", "c3"}
    assert [row for row in second if row[2] > "c1"] == [row for row in first if row[2] > "c1"]
    shop.explain("abd")
    assert sum(explained) == 70
    monkeypatch.setattr(explanations, "release", lambda library: "another")
    shop.explain("abd")
    assert sum(explained) == 100
