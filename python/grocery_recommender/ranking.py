"""The ranking protocol: means over customers, how sure they are, and what a model gains over counting.

References
----------
Efron, Tibshirani: An Introduction to the Bootstrap (1993), the percentile interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

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
RESAMPLES = 1000
CONFIDENCE = 0.95
SEED = 20060410
SCHEMA = pa.schema(
    [
        ("prediction_week", pa.int32()),
        ("week_role", pa.string()),
        ("model_name", pa.string()),
        ("protocol", pa.string()),
        ("metric", pa.string()),
        ("metric_value", pa.float64()),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("customers", pa.int64()),
        ("pairs", pa.int64()),
    ]
)


def resampled_means(values: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Means of bootstrap samples of the rows; every column sees the same samples, so that columns can be compared.

    Parameters
    ----------
    values
        Shape ``(customers, columns)``; NaN where a column says nothing of a customer.
    resamples
        Number of bootstrap samples.
    seed
        Seed of the draws.

    Returns
    -------
    numpy.ndarray
        Shape ``(resamples, columns)``.
    """
    customers = len(values)
    counts = np.random.default_rng(seed).multinomial(customers, np.full(customers, 1 / customers), size=resamples)
    known = ~np.isnan(values)
    return (counts @ np.where(known, values, 0)) / np.maximum(counts @ known, 1)


def interval(samples: np.ndarray) -> tuple[float, float]:
    """Percentile interval of bootstrap samples of one figure."""
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(samples, [tail, 1 - tail])
    return float(lower), float(upper)


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
    rows = rows.sort_by([(name, "ascending") for name in ("customer_id", "model_name", "scope", "cutoff")])
    week = rows["prediction_week"][0].as_py()
    customers, customer = np.unique(rows["customer_id"].to_numpy(zero_copy_only=False), return_inverse=True)
    keys = (rows[name].to_pylist() for name in ("model_name", "scope", "cutoff"))
    groups = [f"{model}|{scope}|{cutoff}" for model, scope, cutoff in zip(*keys, strict=True)]
    names, group = np.unique(groups, return_inverse=True)
    candidates = np.zeros(len(names), dtype=np.int64)
    np.add.at(candidates, group, rows["candidates"].to_numpy())
    out = []
    for metric, column in METRICS.items():
        values = np.full((len(customers), len(names)), np.nan)
        values[customer, group] = rows[column].to_numpy()
        means, samples = np.nanmean(values, axis=0), resampled_means(values)
        position = {tuple(name.split("|")): index for index, name in enumerate(names)}
        for (model, scope, cutoff), index in position.items():
            label = f"{metric}@{cutoff}" + ("" if scope == "all" else f"_{scope}")
            row = {
                "prediction_week": week,
                "week_role": "test",
                "model_name": model,
                "protocol": "ranking",
                "customers": int((~np.isnan(values[:, index])).sum()),
                "pairs": int(candidates[index]),
            }
            lower, upper = interval(samples[:, index])
            out.append(row | _rounded(metric=label, metric_value=means[index], lower_bound=lower, upper_bound=upper))
            best = max((position[name, scope, cutoff] for name in BASELINES), key=lambda other: means[other])
            if model not in BASELINES and means[best] > 0:
                lower, upper = interval(samples[:, index] / np.maximum(samples[:, best], 1e-12) - 1)
                gain = means[index] / means[best] - 1
                out.append(
                    row | _rounded(metric=f"{label}_gain", metric_value=gain, lower_bound=lower, upper_bound=upper)
                )
    return pa.Table.from_pylist(out, schema=SCHEMA)


def _rounded(metric: str, **figures: float) -> dict[str, Any]:
    return {"metric": metric} | {name: round(float(figure), 12) for name, figure in figures.items()}
