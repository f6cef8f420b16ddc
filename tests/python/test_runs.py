"""Which stored runs score a week, and what tuning may set."""

from __future__ import annotations

import json
from dataclasses import asdict

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa
import pytest
from grocery_recommender import classifier, runs
from grocery_recommender.prediction_weeks import PredictionWeek

WEEKS = [PredictionWeek(200700 + week, 50 + week, "", 1, 49 + week, "") for week in range(1, 6)]


def stored_runs(target_week: int, code_version: str = "code") -> pa.Table:
    """All four runs of a target week; the fields that decide nothing are null."""
    booster = lightgbm.train(
        {"objective": "regression", "min_data_in_leaf": 1, "verbosity": -1},
        lightgbm.Dataset(np.arange(20.0)[:, None], label=np.arange(20.0) + target_week),
        num_boost_round=1,
    )
    rows = [
        {
            "model_run_id": f"{target_week}-{purpose}-{config.objective}",
            "target_week": target_week,
            "purpose": purpose,
            "objective": config.objective,
            "parameters": json.dumps(asdict(config), sort_keys=True),
            "model_text": booster.model_to_string(),
            "code_version": code_version,
        }
        for purpose in ("evaluation", "production")
        for config in runs.MODELS
    ]
    return pa.Table.from_pylist(rows, schema=runs.SCHEMA)


@pytest.mark.parametrize(
    ("stored", "every", "expected"),
    [
        (stored_runs(200704), 1, None),
        (stored_runs(200704), 2, 200704),
        (stored_runs(200703), 2, None),
        (stored_runs(200703), 3, 200703),
        (pa.concat_tables([stored_runs(200703), stored_runs(200704)]), 4, 200704),
        (stored_runs(200704, code_version="older code"), 4, None),
        (stored_runs(200704)[:3], 4, None),
    ],
    ids=["every week", "second week", "third week", "third of three", "the latest", "other code", "incomplete"],
)
def test_stored_runs_score_until_they_are_old(stored: pa.Table, every: int, expected: int | None) -> None:
    assert runs._recent_target_week(stored, WEEKS, list(runs.MODELS), "code", every) == expected


def test_other_parameters_are_another_recipe() -> None:
    models = [classifier.configured(config, [("binary", "num_leaves", 15)]) for config in runs.MODELS]
    assert runs._recent_target_week(stored_runs(200704), WEEKS, models, "code", 4) is None


def test_a_week_is_scored_by_its_own_runs_or_the_latest_before() -> None:
    connection = duckdb.connect()
    stored = pa.concat_tables([stored_runs(200702), stored_runs(200704), stored_runs(200705)])
    connection.register("stored", stored)
    for week, expected in ((200705, 200705), (200704, 200704), (200703, 200702)):
        scorer = runs.load_scorer(connection, "select * from stored", week, "production")
        assert scorer.binary_run_id == f"{expected}-production-binary"
        assert scorer.ranker_run_id == f"{expected}-production-lambdarank"
        assert scorer.binary.num_trees() == scorer.ranker.num_trees() == 1


def test_parameters_keep_their_types() -> None:
    rows = [("binary", "num_leaves", 15.0), ("binary", "learning_rate", 0.05), ("lambdarank", "num_leaves", 63.0)]
    binary = classifier.configured(classifier.BINARY, rows)
    assert (binary.num_leaves, binary.learning_rate) == (15, 0.05)
    assert isinstance(binary.num_leaves, int)
    assert classifier.configured(classifier.LAMBDARANK, rows).num_leaves == 63


@pytest.mark.parametrize("parameter", ["nonsense", "objective", "lightgbm_parameters"])
def test_unknown_parameters_are_named(parameter: str) -> None:
    with pytest.raises(ValueError, match=parameter):
        classifier.configured(classifier.BINARY, [("binary", parameter, 1.0)])
