"""What the features look like: distribution, strength, drift and redundancy of each, week role by week role.

References
----------
Population stability index: Siddiqi, Credit Risk Scorecards (2006), sum of (p - q) ln(p / q) over bins.
Redundancy: average-linkage agglomerative clustering on 1 - |r|, r being Pearson's correlation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from sklearn.cluster import AgglomerativeClustering

from grocery_recommender import classifier
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.sampling import pair_sample

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
# Pairs that the profile of a role is made of, at most. Those of whole customers would be of thirty, and whatever tells
# these from thirty others would seem to have shifted.
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
        that does not vary in the training weeks.
    """
    samples = _samples(connection, weeks, ("train", "validation", "test"), *examples)
    samples |= _samples(connection, weeks, ("score",), *candidates)
    samples = {role: sample for role, sample in samples.items() if sample.num_rows}
    if "train" not in samples:
        return SCHEMA.empty_table()
    train = samples["train"]
    names = [name for name in classifier.feature_names(train.schema) if name != "example_weight"]
    pair_weights = {role: _weights(sample) for role, sample in samples.items()}
    labels = {
        role: sample["was_bought"].to_numpy().astype(float) for role, sample in samples.items() if role != "score"
    }
    profiles = []
    for name in names:
        values = {role: sample[name].to_numpy().astype(float) for role, sample in samples.items()}
        distributions = {role: Distribution.of(values[role], pair_weights[role]) for role in samples}
        for role, sample in samples.items():
            labelled = role in labels
            strength = squared_correlation(values[role], pair_weights[role], labels[role]) if labelled else None
            stability = population_stability_index(distributions["train"], distributions[role])
            profiles.append(
                {"week_role": role, "feature": name, "pairs": sample.num_rows}
                | distributions[role].figures()
                | {"squared_correlation": strength, "population_stability_index": stability}
            )
    strengths = {row["feature"]: row["squared_correlation"] for row in profiles if row["week_role"] == "train"}
    columns = {name: train[name].to_numpy().astype(float) for name in names}
    clusters = redundancy_clusters(columns, pair_weights["train"], strengths)
    rows = [row | clusters.get(row["feature"], {"is_strongest_of_cluster": False}) for row in profiles]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@dataclass(frozen=True)
class Distribution:
    """How a feature's values are distributed over weighted rows.

    ``values`` are the distinct ones in order, ``weights`` what the rows of each weigh, both of shape ``(distinct,)``;
    ``missing_weight`` is what the rows without a value weigh.
    """

    values: np.ndarray
    weights: np.ndarray
    missing_weight: float

    @classmethod
    def of(cls, values: np.ndarray, weights: np.ndarray) -> Distribution:
        """The distribution of values, NaN where they are missing, and of the rows' weights, shape ``(rows,)`` each."""
        known = ~np.isnan(values)
        distinct, position = np.unique(values[known], return_inverse=True)
        return cls(distinct, np.bincount(position, weights[known], len(distinct)), float(weights[~known].sum()))

    def quantiles(self, shares: np.ndarray) -> np.ndarray:
        """The least values at which the given shares of the weight are reached; empty where all values are missing."""
        if not self.values.size:
            return self.values
        reached = np.cumsum(self.weights)
        positions = np.searchsorted(reached, np.asarray(shares) * reached[-1], side="left")
        return self.values[np.minimum(positions, len(reached) - 1)]

    def bin_shares(self, edges: np.ndarray) -> np.ndarray:
        """Shares of the weight up to each edge, beyond the last one, and missing: shape ``(edges + 2,)``."""
        reached = np.concatenate([[0], np.cumsum(self.weights)])
        up_to_edges = reached[np.searchsorted(self.values, edges, side="right")]
        counts = np.append(np.diff(up_to_edges, prepend=0, append=reached[-1]), self.missing_weight)
        return counts / counts.sum()

    def figures(self) -> dict[str, Any]:
        """What the profile says of the distribution."""
        known_weight = self.weights.sum()
        missing_share = self.missing_weight / (known_weight + self.missing_weight)
        figures: dict[str, Any] = {"missing_share": _rounded(missing_share), "distinct_values": len(self.values)}
        if not self.values.size:
            return figures
        mean = np.average(self.values, weights=self.weights)
        variance = np.average((self.values - mean) ** 2, weights=self.weights)
        quantiles = self.quantiles(np.array(QUANTILES)).tolist()
        return (
            figures
            | {"mean": _rounded(mean), "standard_deviation": _rounded(np.sqrt(variance))}
            | {f"quantile_{round(100 * share):02d}": value for share, value in zip(QUANTILES, quantiles, strict=True)}
        )


def population_stability_index(expected: Distribution, actual: Distribution) -> float:
    """How far a distribution has moved from the expected one, over the expected one's deciles and a bin of missing.

    0 where both are alike.
    """
    edges = np.unique(expected.quantiles(np.arange(1, STABILITY_BINS) / STABILITY_BINS))
    p, q = (np.maximum(distribution.bin_shares(edges), SMALLEST_SHARE) for distribution in (expected, actual))
    return _rounded(np.sum((p - q) * np.log(p / q)))


def squared_correlation(values: np.ndarray, weights: np.ndarray, was_bought: np.ndarray) -> float:
    """Weighted r² with the label over the pairs whose value is known; 0 where either does not vary."""
    known = ~np.isnan(values)
    if not known.any():
        return 0.0
    covariance = np.cov(values[known], was_bought[known], aweights=weights[known], ddof=0)
    spread = covariance[0, 0] * covariance[1, 1]
    return _rounded(covariance[0, 1] ** 2 / spread) if spread > 0 else 0.0


def redundancy_clusters(
    columns: dict[str, np.ndarray], weights: np.ndarray, strengths: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """Features that say the same, by average linkage on 1 - |r|.

    Parameters
    ----------
    columns
        Values of each feature, shape ``(rows,)``; missing counts as the mean.
    weights
        How many rows each row stands for.
    strengths
        What makes a member the strongest of its cluster, by feature.

    Returns
    -------
    dict
        ``redundancy_cluster``, numbered from 1 by the strength of the strongest member, and
        ``is_strongest_of_cluster``, for each feature that varies.
    """
    standardized = {}
    for name, values in columns.items():
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
    """About ``PAIRS`` pairs of each role."""
    counted = connection.sql(f"select prediction_week, count(*) as pairs from ({pairs_sql}) group by all")
    pairs = {row["prediction_week"]: row["pairs"] for row in counted.to_arrow_table().to_pylist()}
    samples = {}
    for role in roles:
        numbers = [week.prediction_week for week in weeks if week.week_role == role]
        kept = pair_sample(sum(pairs.get(week, 0) for week in numbers), PAIRS)
        # One week at a time: only an equality is pushed through the left joins.
        parts = [
            connection.sql(f"select * from ({features_sql}) where prediction_week = {week} and {kept}").to_arrow_table()
            for week in numbers
        ]
        if parts:
            samples[role] = pa.concat_tables(parts).sort_by([(name, "ascending") for name in classifier.KEYS])
    return samples


def _weights(sample: pa.Table) -> np.ndarray:
    """How many pairs each row stands for."""
    if "example_weight" not in sample.column_names:
        return np.ones(sample.num_rows)
    return sample["example_weight"].to_numpy().astype(float)


def _rounded(value: float) -> float:
    """Rounded, so that the order of additions does not show."""
    return round(float(value), 9)
