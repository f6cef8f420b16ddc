"""Means over customers of what the products achieved, with confidence intervals, beside the simple rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grocery_recommender import confidence
from grocery_recommender.performance import SCHEMA

PUBLISHED = {
    "shopping_list": "expected_f1_length",
    "personal_flyer": "personal_flyer",
    "forgotten_items": "due_items",
}


def performance(connection: Any, results_sql: str) -> pa.Table:
    """Metrics of every product and rule on the test week.

    Parameters
    ----------
    connection
        Where ``results_sql`` can be run.
    results_sql
        Query for ``products.customer_results``: one value per customer, model and metric.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``. Beside each metric of what is published stands its gain over each rule, as
        ``<metric>_gain_over_<rule>``, with the interval of the paired difference. ``pairs`` are the items shown.
    """
    results = connection.sql(results_sql).to_arrow_table()
    keys = ("prediction_week", "protocol", "metric", "model_name", "customer_id")
    results = results.sort_by([(key, "ascending") for key in keys])
    out = []
    groups = results.group_by(["prediction_week", "protocol", "metric"], use_threads=False).aggregate([])
    for group in groups.to_pylist():
        rows = results.filter(_equals(group))
        models = rows["model_name"].unique().to_pylist()
        values, items = {}, {}
        for model in models:
            of_model = rows.filter(_equals({"model_name": model}))
            values[model] = of_model["metric_value"].to_numpy()
            items[model] = sum(of_model["items"].to_pylist())
        published = PUBLISHED[group["protocol"]]
        columns = [(model, group["metric"], values[model]) for model in models]
        columns += [
            (published, f"{group['metric']}_gain_over_{rule}", values[published] - values[rule])
            for rule in models
            if rule != published
        ]
        lower, upper = confidence.interval(np.column_stack([column for _, _, column in columns]))
        for (model, metric, column), low, high in zip(columns, lower, upper, strict=True):
            out.append(
                {
                    "prediction_week": group["prediction_week"],
                    "week_role": "test",
                    "model_name": model,
                    "protocol": group["protocol"],
                    "metric": metric,
                    "metric_value": round(float(column.mean()), 12),
                    "lower_bound": round(float(low), 12),
                    "upper_bound": round(float(high), 12),
                    "customers": len(column),
                    "pairs": items[model],
                }
            )
    return pa.Table.from_pylist(out, schema=SCHEMA)


def _equals(values: dict[str, object]) -> pc.Expression:
    condition = pc.scalar(True)
    for column, value in values.items():
        condition &= pc.field(column) == value
    return condition
