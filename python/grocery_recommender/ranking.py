"""The ranking protocol: means over customers, how sure they are, and what a model gains over counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from grocery_recommender import confidence
from grocery_recommender.performance import SCHEMA

METRICS = {
    "recall": "recall",
    "capped_recall": "capped_recall",
    "precision": "list_precision",
    "ndcg": "ndcg",
    "map": "average_precision",
    "hit": "hit",
}
# What a grocer gets for free: what the learnt models must beat.
BASELINES = ("tifu_knn", "decayed_frequency", "personal_frequency", "user_knn", "popularity", "als")


def performance(connection: Any, metrics_sql: str) -> pa.Table:
    """Means of the ranking metrics over the customers of the test week, with bootstrap intervals.

    Parameters
    ----------
    connection
        Where ``metrics_sql`` can be run.
    metrics_sql
        Query for ``ml.ranking_metrics``.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``. Metrics are named ``ndcg@10``, or ``ndcg@10_new`` for a scope; ``…_gain`` is the relative
        difference to the best baseline in the same metric and week, whose interval is that of the paired bootstrap.
    """
    rows = connection.sql(metrics_sql).to_arrow_table()
    if rows.num_rows == 0:
        return SCHEMA.empty_table()
    rows = rows.sort_by([(name, "ascending") for name in ("customer_id", "model_name", "cutoff")])
    out = []
    for scope in np.unique(rows["scope"].to_numpy(zero_copy_only=False)):
        out += _scope_performance(rows.filter(pyarrow.compute.equal(rows["scope"], scope)), scope)
    return pa.Table.from_pylist(out, schema=SCHEMA)


def _scope_performance(rows: pa.Table, scope: str) -> list[dict[str, Any]]:
    customers, customer = np.unique(rows["customer_id"].to_numpy(zero_copy_only=False), return_inverse=True)
    keys = list(zip(rows["model_name"].to_pylist(), rows["cutoff"].to_pylist(), strict=True))
    position = {key: index for index, key in enumerate(sorted(set(keys)))}
    group = np.array([position[key] for key in keys])
    pairs = np.bincount(group, weights=rows["candidates"].to_numpy())
    out = []
    for metric, column in METRICS.items():
        values = np.full((len(customers), len(position)), np.nan)
        values[customer, group] = rows[column].to_numpy()
        means, samples = values.mean(axis=0), confidence.bootstrap_means(values)
        for (model, cutoff), index in position.items():
            label = f"{metric}@{cutoff}" + ("" if scope == "all" else f"_{scope}")
            row = {
                "prediction_week": rows["prediction_week"][0].as_py(),
                "week_role": "test",
                "model_name": model,
                "protocol": "ranking",
                "customers": len(customers),
                "pairs": int(pairs[index]),
            }
            out.append(row | _figures(label, means[index], samples[:, index]))
            best = max((position[name, cutoff] for name in BASELINES), key=lambda other: means[other])
            if model not in BASELINES and means[best] > 0:
                gains = samples[:, index] / np.maximum(samples[:, best], 1e-12) - 1
                out.append(row | _figures(f"{label}_gain", means[index] / means[best] - 1, gains))
    return out


def _figures(metric: str, value: float, samples: np.ndarray) -> dict[str, Any]:
    """A figure and its percentile interval, rounded so that the order of additions does not show."""
    tail = (1 - confidence.LEVEL) / 2
    lower, upper = np.quantile(samples, [tail, 1 - tail])
    figures = {"metric_value": value, "lower_bound": lower, "upper_bound": upper}
    return {"metric": metric} | {name: round(float(figure), 12) for name, figure in figures.items()}
