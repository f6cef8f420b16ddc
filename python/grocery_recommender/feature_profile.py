"""What the features look like: distribution, strength, drift and redundancy of each, week role by week role.

References
----------
Population stability index: Siddiqi, Credit Risk Scorecards (2006), sum of (p - q) ln(p / q) over bins.
Redundancy: average-linkage agglomerative clustering on 1 - |r|, r being Pearson's correlation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from sklearn.cluster import AgglomerativeClustering

from grocery_recommender import classifier
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.sampling import customer_sample

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SCHEMA = pa.schema(
    [
        ("week_role", pa.string()),
        ("feature", pa.string()),
        ("pairs", pa.int64()),
        ("missing_share", pa.float64()),
        ("distinct_values", pa.int64()),
        ("mean", pa.float64()),
        ("standard_deviation", pa.float64()),
        *((f"quantile_{round(100 * quantile):02d}", pa.float64()) for quantile in QUANTILES),
        ("squared_correlation", pa.float64()),
        ("population_stability_index", pa.float64()),
        ("redundancy_cluster", pa.int64()),
        ("is_strongest_of_cluster", pa.bool_()),
    ]
)
# Pairs that the profile of a role is made of, at most: a sample of whole customers.
PAIRS = 10_000
# Features that correlate more than this, on average, are one cluster.
REDUNDANT_CORRELATION = 0.9
STABILITY_BINS = 10
# A bin that nobody is in counts as this share of the pairs.
SMALLEST_SHARE = 1e-4


def feature_profile(
    connection: Any, weeks: list[PredictionWeek], examples: tuple[str, str], candidates: tuple[str, str]
) -> pa.Table:
    """Profile all features in the training, validation, test and scoring weeks.

    Parameters
    ----------
    connection
        Where the queries can be run.
    weeks
        The prediction weeks.
    examples, candidates
        Query for the pairs, and query for the same pairs with their features: of ``training_examples`` and
        ``training_features`` (rows weighted by ``example_weight``), of ``candidates`` and ``candidate_features``.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, one row per week role and feature. Statistics are of a sample of ``pairs`` candidates, weighted
        to all of them; ``squared_correlation`` is that with ``was_bought``, null in the scoring week, where nobody
        knows; ``population_stability_index`` is against the training weeks (below .1 is steady, above .25 has
        shifted); clusters are those of the training weeks, numbered by their strongest member, and null for a feature
        that never varies.
    """
    samples = _samples(connection, weeks, ("train", "validation", "test"), *examples)
    samples |= _samples(connection, weeks, ("score",), *candidates)
    samples = {role: sample for role, sample in samples.items() if sample.num_rows}
    if "train" not in samples:
        return SCHEMA.empty_table()
    train = samples["train"]
    names = [name for name in classifier.feature_names(train.schema) if name != "example_weight"]
    profiles = []
    for name in names:
        reference = _values(train, name)
        edges = _decile_edges(*reference)
        for role, sample in samples.items():
            values, weights = _values(sample, name)
            strength = squared_correlation(values, weights, _labels(sample)) if role != "score" else None
            stability = population_stability_index(*reference, values, weights, edges)
            profiles.append(
                {"week_role": role, "feature": name, "pairs": sample.num_rows}
                | _distribution(values, weights)
                | {"squared_correlation": strength, "population_stability_index": stability}
            )
    strengths = {row["feature"]: row["squared_correlation"] for row in profiles if row["week_role"] == "train"}
    clusters = redundancy_clusters({name: _values(train, name) for name in names}, strengths)
    rows = [row | clusters.get(row["feature"], {"is_strongest_of_cluster": False}) for row in profiles]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def population_stability_index(
    expected: np.ndarray,
    expected_weights: np.ndarray,
    actual: np.ndarray,
    actual_weights: np.ndarray,
    edges: np.ndarray | None = None,
) -> float:
    """How far a distribution has moved from the expected one, over the expected one's deciles and a bin of missing.

    Parameters
    ----------
    expected, actual
        Values, shape ``(rows,)`` each; NaN is missing.
    expected_weights, actual_weights
        How many rows each row stands for.
    edges
        Upper edges of the bins, where the expected deciles are known already.

    Returns
    -------
    float
        0 where both are alike.
    """
    if edges is None:
        edges = _decile_edges(expected, expected_weights)
    shares = []
    for values, weights in ((expected, expected_weights), (actual, actual_weights)):
        bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
        counts = np.bincount(bins, weights=weights, minlength=len(edges) + 2)
        shares.append(np.maximum(counts / counts.sum(), SMALLEST_SHARE))
    p, q = shares
    return _rounded(np.sum((p - q) * np.log(p / q)))


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """The least values at which the given shares of the weight are reached; empty where all values are missing."""
    known = ~np.isnan(values)
    if not known.any():
        return np.empty(0)
    distinct, position = np.unique(values[known], return_inverse=True)
    reached = np.cumsum(np.bincount(position, weights=weights[known]))
    positions = np.searchsorted(reached, np.asarray(quantiles) * reached[-1], side="left")
    return distinct[np.minimum(positions, len(distinct) - 1)]


def squared_correlation(values: np.ndarray, weights: np.ndarray, was_bought: np.ndarray) -> float:
    """Weighted r² with the label over the pairs whose value is known; 0 where either does not vary."""
    known = ~np.isnan(values)
    if not known.any():
        return 0.0
    covariance = np.cov(values[known], was_bought[known], aweights=weights[known], ddof=0)
    spread = covariance[0, 0] * covariance[1, 1]
    return _rounded(covariance[0, 1] ** 2 / spread) if spread > 0 else 0.0


def redundancy_clusters(
    columns: dict[str, tuple[np.ndarray, np.ndarray]], strengths: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Features that say the same, by average linkage on 1 - |r|.

    Parameters
    ----------
    columns
        Values and weights of each feature, shape ``(rows,)``; missing counts as the mean.
    strengths
        What makes a member the strongest of its cluster, by feature.

    Returns
    -------
    dict
        ``redundancy_cluster``, numbered from 1 by the strength of the strongest member, and
        ``is_strongest_of_cluster``, for each feature that varies.
    """
    standardized = {}
    for name, (values, weights) in columns.items():
        known = ~np.isnan(values)
        if not known.any():
            continue
        centred = np.where(known, values - np.average(values[known], weights=weights[known]), 0) * np.sqrt(weights)
        length = np.linalg.norm(centred)
        if length > 1e-9:
            standardized[name] = (centred / length).astype(np.float32)
    if not standardized:
        return {}
    names = sorted(standardized, key=lambda name: (-strengths[name], name))
    matrix = np.array([standardized[name] for name in names])
    labels = np.zeros(1, dtype=int)
    if len(names) > 1:
        distances = np.clip(1 - np.abs(matrix @ matrix.T).astype(float), 0, 1)
        labels = AgglomerativeClustering(
            n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - REDUNDANT_CORRELATION
        ).fit_predict(distances)
    numbers: dict[int, int] = {}
    clusters = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        is_strongest = label not in numbers
        number = numbers.setdefault(label, len(numbers) + 1)
        clusters[name] = {"redundancy_cluster": number, "is_strongest_of_cluster": is_strongest}
    return clusters


def _samples(
    connection: Any, weeks: list[PredictionWeek], roles: tuple[str, ...], pairs_sql: str, features_sql: str
) -> dict[str, pa.Table]:
    """About ``PAIRS`` pairs of each role, all of whole customers."""
    samples = {}
    for role in roles:
        numbers = [week.prediction_week for week in weeks if week.week_role == role]
        counted = connection.sql(f"select prediction_week, count(*) as pairs from ({pairs_sql}) group by all")
        pairs = sum(row["pairs"] for row in counted.to_arrow_table().to_pylist() if row["prediction_week"] in numbers)
        kept = customer_sample(pairs, PAIRS)
        # One week at a time: only an equality is pushed through the left joins.
        parts = [
            connection.sql(f"select * from ({features_sql}) where prediction_week = {week} and {kept}").to_arrow_table()
            for week in numbers
        ]
        if parts:
            samples[role] = pa.concat_tables(parts).sort_by([(name, "ascending") for name in classifier.KEYS])
    return samples


def _values(sample: pa.Table, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of a feature, and how many pairs each row stands for."""
    is_weighted = "example_weight" in sample.column_names
    weights = sample["example_weight"].to_numpy().astype(float) if is_weighted else np.ones(sample.num_rows)
    return sample[name].to_numpy().astype(float), weights


def _labels(sample: pa.Table) -> np.ndarray:
    return sample["was_bought"].to_numpy().astype(float)


def _decile_edges(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.unique(weighted_quantiles(values, weights, np.arange(1, STABILITY_BINS) / STABILITY_BINS))


def _distribution(values: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    known = ~np.isnan(values)
    missing = 1 - weights[known].sum() / weights.sum()
    figures: dict[str, Any] = {"missing_share": _rounded(missing), "distinct_values": len(np.unique(values[known]))}
    if not known.any():
        return figures
    mean = np.average(values[known], weights=weights[known])
    variance = np.average((values[known] - mean) ** 2, weights=weights[known])
    quantiles = weighted_quantiles(values, weights, np.array(QUANTILES)).tolist()
    return (
        figures
        | {"mean": _rounded(mean), "standard_deviation": _rounded(np.sqrt(variance))}
        | {f"quantile_{round(100 * share):02d}": value for share, value in zip(QUANTILES, quantiles, strict=True)}
    )


def _rounded(value: float) -> float:
    """Rounded, so that the order of additions does not show."""
    return round(float(value), 9)
