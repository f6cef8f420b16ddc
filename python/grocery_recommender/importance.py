"""What the boosters look at: gain, TreeSHAP and permutation importance of every feature.

References
----------
Lundberg et al.: From local explanations to global understanding with explainable AI for trees (2020), TreeSHAP.
Breiman: Random Forests (2001), permutation importance.
"""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
from sklearn.metrics import log_loss

from grocery_recommender import classifier
from grocery_recommender.classifier import Examples
from grocery_recommender.explanations import tree_shap
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.sampling import customer_sample

SCHEMA = pa.schema(
    [
        ("model_run_id", pa.string()),
        ("feature", pa.string()),
        ("is_used", pa.bool_()),
        ("gain", pa.float64()),
        ("splits", pa.int64()),
        ("mean_abs_shap", pa.float64()),
        ("permutation_importance", pa.float64()),
    ]
)
# Examples that are read, with all their features: those of a large shop's week would not fit into memory.
EXAMPLES = 20_000
# Rows that the contributions are averaged over, and that are predicted once for each permuted feature.
MEASURED_ROWS = 5_000
SEED = 20060410


def feature_importance(connection: Any, weeks: list[PredictionWeek], runs_sql: str, examples_sql: str) -> pa.Table:
    """Importance of all features in the runs that score the target week and in those that score the validation week.

    Parameters
    ----------
    connection
        Where the queries can be run.
    weeks
        The prediction weeks, in order of time; the last one is the target week.
    runs_sql, examples_sql
        Queries for ``classifier_runs`` and ``training_features``.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, one row per run and feature. Features that were screened out are there with ``is_used`` false
        and no gain. SHAP and permutation are measured on a sample of the validation week; the latter for the binary
        model that scores it only: later ones have learnt from that week. Where the sample has only purchases, or none,
        there is no permutation importance.
    """
    week_of = {week.week_role: week for week in weeks}
    validation = week_of["validation"]
    measured_on = f"from ({examples_sql}) where prediction_week = {validation.prediction_week}"
    ((pairs,),) = connection.sql(f"select count(*) {measured_on}").fetchall()
    rows = connection.sql(f"select * {measured_on} and {customer_sample(pairs, EXAMPLES)}")
    examples = classifier.examples_from_rows(rows.to_arrow_table())
    is_separable = len({*_spread(examples.was_bought)}) == 2
    target_weeks = sorted({validation.fitted_for_week, week_of["score"].fitted_for_week})
    runs = connection.sql(
        f"select target_week, model_run_id, objective, feature_names, model_text from ({runs_sql})"
        f" where is_in_use and algorithm = 'lightgbm' and target_week in ({', '.join(map(str, target_weeks))})"
        " order by model_run_id"
    ).fetchall()
    parts = []
    for target_week, run_id, objective, used, text in runs:
        booster = lightgbm.Booster(model_str=text)
        chosen = [examples.feature_names.index(name) for name in used]
        matrix = examples.features[:, chosen]
        figures = {
            "gain": booster.feature_importance("gain"),
            "splits": booster.feature_importance("split"),
            "mean_abs_shap": mean_abs_shap(booster, _spread(matrix)),
        }
        if is_separable and (target_week, objective) == (validation.fitted_for_week, "binary"):
            figures["permutation_importance"] = permutation_importance(booster, examples, matrix)
        of_feature = {name: {key: values[i] for key, values in figures.items()} for i, name in enumerate(used)}
        unused = {"gain": 0.0, "splits": 0, "mean_abs_shap": 0.0}
        parts += [
            {"model_run_id": run_id, "feature": name, "is_used": name in of_feature} | of_feature.get(name, unused)
            for name in examples.feature_names
        ]
    return pa.Table.from_pylist(parts, schema=SCHEMA)


def mean_abs_shap(booster: lightgbm.Booster, features: np.ndarray) -> np.ndarray:
    """Mean size of each feature's contribution to the raw score, shape ``(features,)``; 0 of no rows."""
    if not len(features):
        return np.zeros(features.shape[1])
    return np.abs(tree_shap(booster, features)).mean(axis=0, dtype=np.float64)


def permutation_importance(booster: lightgbm.Booster, examples: Examples, features: np.ndarray) -> np.ndarray:
    """How much the log loss rises when a feature's values are shuffled among the rows.

    Parameters
    ----------
    booster
        A binary booster that has not learnt from the examples.
    examples
        Labels, of both kinds, and weights.
    features
        The columns that the booster reads, shape ``(rows, features)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(features,)``; about 0 where the booster does without.
    """
    labels, weights = _spread(examples.was_bought), _spread(examples.weights)
    features = _spread(features).copy()
    order = np.random.default_rng(SEED).permutation(len(features))
    whole = log_loss(labels, booster.predict(features), sample_weight=weights)
    rises = np.empty(features.shape[1])
    for column in range(features.shape[1]):
        values = features[:, column].copy()
        features[:, column] = values[order]
        rises[column] = log_loss(labels, booster.predict(features), sample_weight=weights) - whole
        features[:, column] = values
    return rises


def _spread(rows: np.ndarray) -> np.ndarray:
    """At most ``MEASURED_ROWS`` rows, evenly spread over all."""
    return rows[np.linspace(0, len(rows) - 1, min(MEASURED_ROWS, len(rows))).astype(int)]
