"""The purchase classifier: LightGBM boosters that are fitted on pooled prediction weeks and stored as text.

Two boosters share the features. The binary one gives the purchase probability; LambdaRank gives the order of a
customer's list. Boosters travel as LightGBM's own text format: nothing is pickled.

References
----------
Ke et al.: LightGBM (NIPS 2017). Burges: From RankNet to LambdaRank to LambdaMART (2010).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import lightgbm
import numpy as np
import pyarrow as pa

# Pairs less likely than this come after all others, in the order of their probability: they seldom reach a list, most
# pairs are such, and it saves most of the ranker's time.
RANKING_FLOOR = 0.004
BELOW_ALL_RANKING_SCORES = -1000.0
KEYS = ("prediction_week", "customer_id", "product_id")


@dataclass(frozen=True)
class ClassifierConfig:
    """What is fitted, and for how long.

    Parameters
    ----------
    objective
        ``binary`` or ``lambdarank``.
    learning_rate, num_leaves, min_data_in_leaf, feature_fraction, bagging_fraction, lambda_l2, max_bin
        LightGBM's parameters of these names.
    max_rounds
        Boosting rounds at most.
    early_stopping_rounds
        Rounds without a better validation metric after which boosting stops.
    seed
        Seed of the row and column samples.
    """

    objective: str
    learning_rate: float = 0.12
    num_leaves: int = 31
    min_data_in_leaf: int = 200
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.8
    lambda_l2: float = 10.0
    max_bin: int = 63
    max_rounds: int = 250
    early_stopping_rounds: int = 25
    seed: int = 20060410

    def lightgbm_parameters(self) -> dict[str, object]:
        """Parameters for ``lightgbm.train``; the same model text for the same input, whatever the threads."""
        parameters: dict[str, object] = {
            "objective": self.objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "max_bin": self.max_bin,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if self.objective == "lambdarank":
            parameters |= {"metric": "ndcg", "eval_at": [10], "lambdarank_truncation_level": 20}
        else:
            parameters |= {"metric": "binary_logloss"}
        return parameters


BINARY = ClassifierConfig(objective="binary")
LAMBDARANK = ClassifierConfig(objective="lambdarank", max_rounds=200)


@dataclass(frozen=True)
class Examples:
    """Labelled rows, sorted by prediction week and customer.

    Parameters
    ----------
    features
        float32, shape ``(rows, features)``; NaN is missing.
    feature_names
        Names of the columns of ``features``.
    was_bought
        bool, shape ``(rows,)``.
    weights
        float32, shape ``(rows,)``: how many rows of the full grid one row stands for.
    weeks
        int, shape ``(rows,)``: prediction week.
    customers
        int, shape ``(rows,)``: changes where the customer changes.
    """

    features: np.ndarray
    feature_names: list[str]
    was_bought: np.ndarray
    weights: np.ndarray
    weeks: np.ndarray
    customers: np.ndarray

    def of_weeks(self, weeks: list[int]) -> Examples:
        """The rows of some prediction weeks; a view where the weeks are neighbours, a copy elsewhere."""
        positions = np.flatnonzero(np.isin(self.weeks, weeks))
        rows: slice | np.ndarray = positions
        if len(positions) and positions[-1] - positions[0] + 1 == len(positions):
            rows = slice(int(positions[0]), int(positions[-1]) + 1)
        return Examples(
            self.features[rows],
            self.feature_names,
            self.was_bought[rows],
            self.weights[rows],
            self.weeks[rows],
            self.customers[rows],
        )

    def group_sizes(self) -> np.ndarray:
        """Lengths of the lists that LambdaRank orders: one per prediction week and customer."""
        starts = (np.diff(self.weeks) != 0) | (np.diff(self.customers) != 0)
        edges = np.concatenate(([0], np.flatnonzero(starts) + 1, [len(self.weeks)]))
        return np.diff(edges)


def feature_names(schema: pa.Schema) -> list[str]:
    """Names of the columns that are features: those of type float, in the order of the table."""
    return [field.name for field in schema if pa.types.is_float32(field.type)]


def feature_matrix(batch: pa.RecordBatch, names: list[str]) -> np.ndarray:
    """Columns of an Arrow batch as a float32 matrix, shape ``(rows, len(names))``; null becomes NaN."""
    matrix = np.empty((batch.num_rows, len(names)), dtype=np.float32)
    for position, name in enumerate(names):
        matrix[:, position] = batch.column(name).to_numpy(zero_copy_only=False)
    return matrix


def read_examples(batches: pa.RecordBatchReader, rows: int) -> Examples:
    """Fill one matrix from Arrow batches, so that the examples are in memory once.

    Parameters
    ----------
    batches
        Columns ``prediction_week``, ``customer_id``, ``was_bought``, ``example_weight`` and the features (float32),
        sorted by week and customer.
    rows
        Number of rows that the batches will bring.

    Raises
    ------
    ValueError
        If there are no rows, or not as many as announced.
    """
    names = [name for name in feature_names(batches.schema) if name != "example_weight"]
    features = np.empty((rows, len(names)), dtype=np.float32)
    was_bought = np.empty(rows, dtype=bool)
    weights = np.empty(rows, dtype=np.float32)
    weeks = np.empty(rows, dtype=np.int32)
    customers = np.empty(rows, dtype=np.int64)
    filled, last_customer, customer_number = 0, None, 0
    for batch in batches:
        if filled + batch.num_rows > rows:
            raise ValueError(f"expected {rows} training examples, got more")
        part = slice(filled, filled + batch.num_rows)
        features[part] = feature_matrix(batch, names)
        was_bought[part] = batch.column("was_bought").to_numpy(zero_copy_only=False)
        weights[part] = batch.column("example_weight").to_numpy(zero_copy_only=False)
        weeks[part] = batch.column("prediction_week").to_numpy(zero_copy_only=False)
        for row, customer in enumerate(batch.column("customer_id").to_pylist(), start=filled):
            customer_number += customer != last_customer
            customers[row] = customer_number
            last_customer = customer
        filled += batch.num_rows
    if not filled or filled != rows:
        raise ValueError(f"expected {rows} training examples, got {filled}")
    return Examples(features, names, was_bought, weights, weeks, customers)


def fit(
    examples: Examples,
    config: ClassifierConfig,
    validation: Examples | None = None,
    rounds: int | None = None,
) -> lightgbm.Booster:
    """Fit one booster.

    Parameters
    ----------
    examples
        What to learn from.
    config
        Which booster.
    validation
        Later weeks that choose the number of rounds.
    rounds
        The number of rounds where it is known already; then ``validation`` is not needed.

    Raises
    ------
    ValueError
        If no example was bought, or all were: there is nothing to tell apart.
    """
    if examples.was_bought.all() or not examples.was_bought.any():
        raise ValueError("the training weeks hold no purchases to learn from, or nothing but purchases")
    parameters = config.lightgbm_parameters()
    training_set = _dataset(examples, config, parameters)
    if rounds is not None:
        return lightgbm.train(parameters, training_set, num_boost_round=rounds)
    if validation is None:
        raise ValueError("either validation examples or a number of rounds is needed")
    booster = lightgbm.train(
        parameters,
        training_set,
        num_boost_round=config.max_rounds,
        valid_sets=[_dataset(validation, config, parameters, training_set)],
        callbacks=[lightgbm.early_stopping(config.early_stopping_rounds, verbose=False)],
    )
    return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


def _dataset(
    examples: Examples,
    config: ClassifierConfig,
    parameters: dict[str, object],
    reference: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    ranks = config.objective == "lambdarank"
    return lightgbm.Dataset(
        examples.features,
        label=examples.was_bought.astype(np.float32),
        weight=None if ranks else examples.weights,
        group=examples.group_sizes() if ranks else None,
        feature_name=examples.feature_names,
        reference=reference,
        params=parameters,
    )


def score_batches(
    batches: pa.RecordBatchReader,
    binary: lightgbm.Booster,
    ranker: lightgbm.Booster,
    passed_through: tuple[str, ...] = KEYS,
) -> Iterator[pa.RecordBatch]:
    """Score candidates as they stream by.

    Parameters
    ----------
    batches
        The features that the boosters name, and the columns of ``passed_through``.
    binary, ranker
        The two boosters; both must have been fitted on the same features.
    passed_through
        Columns to hand on as they are.

    Yields
    ------
    pyarrow.RecordBatch
        ``passed_through``, ``purchase_probability`` (in [0, 1]) and ``ranking_score``, both float64; the ranking
        score of pairs below ``RANKING_FLOOR`` is their probability plus ``BELOW_ALL_RANKING_SCORES``.
    """
    names = binary.feature_name()
    for batch in batches:
        matrix = feature_matrix(batch, names)
        columns = [batch.column(name) for name in passed_through]
        probabilities = binary.predict(matrix)
        likely = probabilities >= RANKING_FLOOR
        ranking_scores = probabilities + BELOW_ALL_RANKING_SCORES
        if likely.any():
            ranking_scores[likely] = ranker.predict(matrix[likely])
        yield pa.RecordBatch.from_arrays(
            [*columns, pa.array(probabilities), pa.array(ranking_scores)],
            names=[*passed_through, "purchase_probability", "ranking_score"],
        )
