"""The full-grid protocol: every candidate pair of a week, as a binary classification.

AUC and average precision need only an order; log loss, Brier score and calibration error need probabilities. A model
whose scores are no probabilities gets them from isotonic regression on the validation week, so that every model is
measured on every metric.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
)

from grocery_recommender.performance import SCHEMA

MODELS = (
    "lightgbm_binary",
    "lightgbm_lambdarank",
    "tifu_knn",
    "decayed_frequency",
    "personal_frequency",
)
PROBABILISTIC_MODELS = ("lightgbm_binary",)
# What a rule that knows nothing of a pair says: less than any of its scores, which count or weigh purchases. It is the
# same in both weeks, since the one teaches what a score of the other means.
NO_SCORE = -1.0


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 20) -> float:
    """Mean gap between predicted and observed rate over bins of equal mass.

    Parameters
    ----------
    probabilities, labels
        Shapes ``(pairs,)``; labels are 0 or 1.
    bins
        Bins that hold equally many pairs each, but for pairs of one probability, which stay together.

    References
    ----------
    Nixon et al.: Measuring Calibration in Deep Learning (2019), the adaptive (equal-mass) variant.
    """
    # Parted, bought pairs against others, they would make a constant that is true look wrong.
    _, position, pairs = np.unique(probabilities, return_inverse=True, return_counts=True)
    bin_of_value = np.floor((np.cumsum(pairs) - pairs / 2) * bins / len(position)).astype(int)
    gaps = np.bincount(bin_of_value, np.bincount(position, probabilities - labels))
    return float(np.abs(gaps).sum() / len(position))


def best_f1_threshold(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The threshold at which F1 is highest; ties go to the lowest threshold."""
    precision, recall, thresholds = precision_recall_curve(labels, probabilities)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return float(thresholds[np.argmax(f1[:-1])])


def metrics(scores: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, threshold: float) -> dict[str, float]:
    """All full-grid metrics of one model in one week.

    Parameters
    ----------
    scores
        What the model orders by, shape ``(pairs,)``; calibration may flatten parts of this order.
    probabilities
        What the scores mean, in [0, 1], shape ``(pairs,)``.
    labels
        0 or 1, shape ``(pairs,)``.
    threshold
        Probability from which a purchase is predicted.

    Raises
    ------
    ValueError
        If all pairs were bought, or none.
    """
    if _is_one_sided(labels):
        raise ValueError("the full-grid protocol needs pairs that were bought and pairs that were not")
    return {
        "auc": roc_auc_score(labels, scores),
        "average_precision": average_precision_score(labels, scores),
        "log_loss": log_loss(labels, probabilities),
        "brier_score": brier_score_loss(labels, probabilities),
        "expected_calibration_error": expected_calibration_error(probabilities, labels),
        "observed_to_expected": labels.sum() / probabilities.sum(),
        "f1": f1_score(labels, probabilities >= threshold),
    }


def performance(connection: Any, scores_sql: str) -> pa.Table:
    """Metrics of every model on the test week.

    Parameters
    ----------
    connection
        Where ``scores_sql`` can be run.
    scores_sql
        Query for ``ml.evaluation_scores``.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, without bounds. Metric names end in ``_repeat`` where only pairs bought in the window count; no
        rows for pairs that in either week were all bought, or none of them.
    """
    validation, test = (_read(connection, scores_sql, week_role) for week_role in ("validation", "test"))
    out = []
    for suffix, only_repeat in (("", False), ("_repeat", True)):
        validation_pairs = validation["is_repeat"] if only_repeat else slice(None)
        pairs = test["is_repeat"] if only_repeat else slice(None)
        labels = validation["was_bought"][validation_pairs]
        test_labels = test["was_bought"][pairs]
        if _is_one_sided(labels) or _is_one_sided(test_labels):
            continue
        customers = len(np.unique(test["customer"][pairs]))
        for model in MODELS:
            validation_scores, scores = validation[model][validation_pairs], test[model][pairs]
            validation_probabilities, probabilities = validation_scores, scores
            if model not in PROBABILISTIC_MODELS:
                # No score is certain: what one pair more would say is the least, and the most.
                least = 1 / (len(labels) + 2)
                to_probability = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
                to_probability.fit(validation_scores, labels)
                validation_probabilities = to_probability.predict(validation_scores)
                probabilities = to_probability.predict(scores)
            threshold = best_f1_threshold(validation_probabilities, labels)
            for metric, value in metrics(scores, probabilities, test_labels, threshold).items():
                out.append(
                    {
                        "prediction_week": int(test["prediction_week"][0]),
                        "week_role": "test",
                        "model_name": model,
                        "protocol": "full_grid",
                        "metric": metric + suffix,
                        "metric_value": round(float(value), 12),
                        "customers": customers,
                        "pairs": len(test_labels),
                    }
                )
    return pa.Table.from_pylist(out, schema=SCHEMA)


def _is_one_sided(labels: np.ndarray) -> bool:
    return bool(labels.all() or not labels.any())


def _read(connection: Any, scores_sql: str, week_role: str) -> dict[str, np.ndarray]:
    """Columns of one week, in a fixed order, so that sums come out alike; a missing score is ``NO_SCORE``."""
    columns = connection.sql(
        f"""
        select prediction_week, customer_id, product_id, {", ".join(MODELS)}, candidate_source = 'repeat' as is_repeat,
            cast(was_bought as tinyint) as was_bought
        from ({scores_sql}) where week_role = ?
        """,
        params=[week_role],
    ).to_arrow_table()
    columns = columns.sort_by([("customer_id", "ascending"), ("product_id", "ascending")])
    week = {name: columns[name].to_numpy() for name in ("prediction_week", "is_repeat", "was_bought")}
    week["customer"] = columns["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    for model in MODELS:
        scores = columns[model].to_numpy().astype(np.float64)
        week[model] = np.where(np.isnan(scores), NO_SCORE, scores)
    return week
