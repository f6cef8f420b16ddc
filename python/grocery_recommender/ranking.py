"""The ranking protocol: means over customers, how sure they are, and what a model gains over counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from grocery_recommender import confidence
from grocery_recommender.performance import SCHEMA
from grocery_recommender.prediction_weeks import PredictionWeek

METRICS = {
    "recall": "recall",
    "capped_recall": "capped_recall",
    "precision": "list_precision",
    "ndcg": "ndcg",
    "map": "average_precision",
    "hit": "hit",
}
# The metric whose customers and candidates tell how large a comparison is.
SIZED_BY = "ndcg@10"
NO_BOUNDS = {"lower_bound": None, "upper_bound": None}
# What a grocer gets for free: what the learnt models must beat.
BASELINES = ("tifu_knn", "decayed_frequency", "personal_frequency", "user_knn", "popularity", "als")


def performance(connection: Any, weeks: list[PredictionWeek], metrics_sql: str) -> pa.Table:
    """Means of the ranking metrics over customers, with bootstrap intervals.

    Parameters
    ----------
    connection
        Where ``metrics_sql`` can be run.
    weeks
        The prediction weeks, in order of time.
    metrics_sql
        Query for ``ml.ranking_metrics``: per customer, of the test week and of earlier ones.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, none where nobody was measured in the test week: under an earlier week the figures would take the
        place of all that the mart has kept of it. Protocol ``ranking`` is the test week; ``ranking_pooled`` are all
        weeks together, where there are several, under the test week: each customer's week weighs the same, and a
        customer is drawn with all weeks. Its metric ``weeks`` says how many. Metrics are named ``ndcg@10``, or
        ``ndcg@10_new`` for a scope; ``…_gain`` is the relative difference to the best baseline in the same metric and
        weeks, whose interval is that of the paired bootstrap; it has no bounds where the baseline hits nothing in some
        draw, as of few customers.
    """
    test_week = next(week.prediction_week for week in weeks if week.week_role == "test")
    counted = sorted(
        week for (week,) in connection.sql(f"select distinct prediction_week from ({metrics_sql})").fetchall()
    )
    if test_week not in counted:
        return SCHEMA.empty_table()
    protocols = {"ranking": [test_week]}
    if len(counted) > 1:
        protocols["ranking_pooled"] = counted
    out = []
    for protocol, measured in protocols.items():
        label = {"prediction_week": test_week, "week_role": "test", "protocol": protocol}
        # A row for each customer, however many weeks there are: they become more with every build.
        summed = ", ".join(f"sum({column}) as {column}" for column in ("candidates", *METRICS.values()))
        rows = connection.sql(
            f"select scope, customer_id, model_name, cutoff, count(*) as weeks, {summed} from ({metrics_sql})"
            f" where prediction_week >= {measured[0]} group by scope, customer_id, model_name, cutoff"
        ).to_arrow_table()
        rows = rows.sort_by([(name, "ascending") for name in ("customer_id", "model_name", "cutoff")])
        for scope in sorted(pyarrow.compute.unique(rows["scope"]).to_pylist()):
            in_scope = rows.filter(pyarrow.compute.equal(rows["scope"], scope))
            out += [label | row for row in _scope_performance(in_scope, "" if scope == "all" else f"_{scope}")]
        if protocol == "ranking_pooled":
            one_length = [row for row in out if row["protocol"] == protocol and row["metric"] == SIZED_BY]
            out += [row | {"metric": "weeks", "metric_value": len(counted)} | NO_BOUNDS for row in one_length]
    return pa.Table.from_pylist(out, schema=SCHEMA)


def published_performance(
    connection: Any, weeks: list[PredictionWeek], published_sql: str, metrics_sql: str
) -> pa.Table:
    """The lists as they were published, against the baselines of the same weeks.

    Parameters
    ----------
    connection
        Where the queries can be run.
    weeks
        The prediction weeks, in order of time.
    published_sql
        Query for ``products.published_metrics``.
    metrics_sql
        Query for ``ml.ranking_metrics``; only its weeks that have been published are looked at.

    Returns
    -------
    pyarrow.Table
        As of `performance`, the rows of the model ``published``; none where the test week was not published, as after
        two weeks that were loaded at once.
    """
    columns = "prediction_week, model_name, scope, cutoff, customer_id, candidates, " + ", ".join(METRICS.values())
    measured = performance(
        connection,
        weeks,
        f"""
        with measured as (select {columns} from ({metrics_sql})),
        published as (select {columns} from ({published_sql}))
        select * from published
        union all
        select * from measured where prediction_week in (select prediction_week from published)
        """,
    )
    return measured.filter(pyarrow.compute.equal(measured["model_name"], "published"))


def _scope_performance(rows: pa.Table, suffix: str) -> list[dict[str, Any]]:
    """Figures of the models over the customers' weeks of ``rows``, which are sorted by customer."""
    customers, customer = np.unique(rows["customer_id"].to_numpy(zero_copy_only=False), return_inverse=True)
    keys = list(zip(rows["model_name"].to_pylist(), rows["cutoff"].to_pylist(), strict=True))
    position = {key: index for index, key in enumerate(sorted(set(keys)))}
    group = np.array([position[key] for key in keys])
    shape = (len(customers), len(position))
    cells = customer * len(position) + group
    # How many weeks of each customer: every model ranks in all of them.
    weeks = np.bincount(cells, weights=rows["weeks"].to_numpy(), minlength=len(customers) * len(position))
    weeks = weeks.reshape(shape)[:, :1]
    pairs = np.bincount(group, weights=rows["candidates"].to_numpy().astype(float))
    sums = [
        np.bincount(
            cells, weights=rows[column].to_numpy().astype(float), minlength=len(customers) * len(position)
        ).reshape(shape)
        for column in METRICS.values()
    ]
    # All metrics share the draws, which cost more than what is made of them.
    *drawn, drawn_weeks = np.hsplit(
        confidence.bootstrap_means(np.column_stack([*sums, weeks])), len(position) * np.arange(1, len(METRICS) + 1)
    )
    out = []
    for metric, of_metric, draws in zip(METRICS, sums, drawn, strict=True):
        means = of_metric.sum(axis=0) / weeks.sum()
        samples = draws / drawn_weeks
        for (model, cutoff), index in position.items():
            label = f"{metric}@{cutoff}{suffix}"
            row = {"model_name": model, "customers": len(customers), "pairs": int(pairs[index])}
            out.append(row | _figures(label, means[index], samples[:, index]))
            best = max((position[name, cutoff] for name in BASELINES), key=lambda other: means[other])
            if model not in BASELINES and means[best] > 0:
                gains = samples[:, index] / samples[:, best] - 1 if samples[:, best].all() else None
                out.append(row | _figures(f"{label}_gain", means[index] / means[best] - 1, gains))
    return out


def _figures(metric: str, value: float, samples: np.ndarray | None) -> dict[str, Any]:
    """A figure and its percentile interval, rounded so that the order of additions does not show."""
    figure = {"metric": metric, "metric_value": round(float(value), 12)}
    if samples is None:
        return figure | NO_BOUNDS
    tail = (1 - confidence.LEVEL) / 2
    lower, upper = np.quantile(samples, [tail, 1 - tail])
    return figure | {"lower_bound": round(float(lower), 12), "upper_bound": round(float(upper), 12)}
