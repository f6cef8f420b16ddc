"""Importance of features: the one that matters leads by every measure."""

from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from grocery_recommender import classifier, importance
from grocery_recommender.prediction_weeks import PredictionWeek
from sklearn.metrics import log_loss

ROWS = 4000
WEEKS = [
    PredictionWeek(8, 8, "validation", 1, 7, 8, "a", "a"),
    PredictionWeek(9, 9, "test", 1, 8, 9, "b", "b"),
    PredictionWeek(10, 10, "score", 1, 9, 10, "c", "c"),
]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    random = np.random.default_rng(1)
    signal = random.normal(size=ROWS)
    examples = pa.table(
        {
            "prediction_week": pa.array(np.full(ROWS, 8, dtype=np.int32)),
            "customer_id": [f"c{i // 20:03}" for i in range(ROWS)],
            "product_id": [f"p{i:04}" for i in range(ROWS)],
            "was_bought": random.random(ROWS) < 1 / (1 + np.exp(-2 * signal)),
            "example_weight": pa.array(np.ones(ROWS, dtype=np.float32)),
            "unused": pa.array(random.normal(size=ROWS).astype(np.float32)),
            "signal": pa.array(signal.astype(np.float32)),
            "noise": pa.array(random.normal(size=ROWS).astype(np.float32)),
        }
    )
    binned = classifier.bin_examples(classifier.examples_from_rows(examples.drop(["unused"])))
    runs = [
        {
            "model_run_id": f"{target_week}-{config.objective}",
            "target_week": target_week,
            "objective": config.objective,
            "algorithm": "lightgbm",
            "feature_names": ["signal", "noise"],
            "model_text": classifier.fit(binned, replace(config, num_boost_round=10)).model_to_string(),
            "is_in_use": True,
        }
        for target_week in (8, 9, 10)
        for config in (classifier.BINARY, classifier.LAMBDARANK)
    ]
    runs.append(runs[0] | {"model_run_id": "superseded", "is_in_use": False})
    runs.append(runs[0] | {"model_run_id": "network", "algorithm": "scikit-learn", "model_text": "no booster"})
    connection = duckdb.connect()
    connection.register("examples", examples)
    connection.register("runs", pa.Table.from_pylist(runs))
    return connection


def measured(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict]:
    rows = importance.feature_importance(connection, WEEKS, "select * from runs", "select * from examples")
    return {(row["model_run_id"], row["feature"]): row for row in rows.to_pylist()}


@pytest.fixture(scope="module")
def figures(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict]:
    return measured(connection)


def test_of_a_large_week_a_sample_of_customers_is_read(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    examples_from_rows = classifier.examples_from_rows
    monkeypatch.setattr(importance, "EXAMPLES", ROWS // 10)
    monkeypatch.setattr(classifier, "examples_from_rows", lambda rows: read.append(rows) or examples_from_rows(rows))
    measured(connection)
    assert 0 < read[0].num_rows < ROWS // 4
    assert read[0].num_rows == 20 * len(set(read[0]["customer_id"].to_pylist()))


def test_the_feature_that_matters_leads(figures: dict[tuple[str, str], dict]) -> None:
    for run in ("8-binary", "8-lambdarank", "10-binary", "10-lambdarank"):
        for measure in ("gain", "mean_abs_shap"):
            assert figures[run, "signal"][measure] > figures[run, "noise"][measure]
    signal, noise = (figures["8-binary", name]["permutation_importance"] for name in ("signal", "noise"))
    assert signal > 0.05 > abs(noise)


def test_only_runs_of_the_validation_and_target_weeks_are_looked_at(figures: dict[tuple[str, str], dict]) -> None:
    assert {run for run, _ in figures} == {"8-binary", "8-lambdarank", "10-binary", "10-lambdarank"}


def test_features_that_were_screened_out_are_listed(figures: dict[tuple[str, str], dict]) -> None:
    unused = figures["8-binary", "unused"]
    assert (unused["is_used"], unused["gain"], unused["splits"], unused["mean_abs_shap"]) == (False, 0, 0, 0)
    assert figures["8-binary", "signal"]["is_used"]


def test_runs_that_learnt_from_the_week_are_not_judged_on_it(figures: dict[tuple[str, str], dict]) -> None:
    judged = {run for (run, _), row in figures.items() if row["permutation_importance"] is not None}
    assert judged == {"8-binary"}, json.dumps(sorted(judged))


def test_without_examples_nothing_moves_a_prediction(connection: duckdb.DuckDBPyConnection) -> None:
    nothing = "select * from examples where false"
    rows = importance.feature_importance(connection, WEEKS, "select * from runs", nothing).to_pylist()
    assert {row["mean_abs_shap"] for row in rows} == {0.0}


def test_without_purchases_there_is_no_permutation_importance(connection: duckdb.DuckDBPyConnection) -> None:
    unbought = "select * replace (false as was_bought) from examples"
    rows = importance.feature_importance(connection, WEEKS, "select * from runs", unbought).to_pylist()
    assert {row["permutation_importance"] for row in rows} == {None}
    assert any(row["mean_abs_shap"] > 0 for row in rows)


def test_importance_is_that_of_all_rows_that_the_examples_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(3000, 1)).astype(np.float32)
    bought = random.random(3000) < 1 / (1 + np.exp(2 - 3 * features[:, 0]))
    weights = np.where(bought, 1, 9).astype(np.float32)
    data = classifier.Examples(features, ["signal"], bought, weights, np.ones(3000, int), np.arange(3000) // 20)
    config = replace(classifier.BINARY, num_boost_round=20, min_data_in_leaf=20)
    booster = classifier.fit(classifier.bin_examples(data), config)
    stood_for = np.repeat(np.arange(3000), weights.astype(int))
    shuffled = features[np.random.default_rng(importance.SEED).permutation(3000)]
    losses = [log_loss(bought[stood_for], booster.predict(values)[stood_for]) for values in (shuffled, features)]
    assert importance.permutation_importance(booster, data, features)[0] == pytest.approx(losses[0] - losses[1])
    contributions = booster.predict(features, pred_contrib=True)[:, :-1]
    np.testing.assert_allclose(importance.mean_abs_shap(booster, features), np.abs(contributions).mean(0), rtol=1e-4)
    monkeypatch.setattr(importance, "MEASURED_ROWS", 3)
    assert importance._spread(np.arange(101)).tolist() == [0, 50, 100]
