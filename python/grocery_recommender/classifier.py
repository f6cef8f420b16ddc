"""The purchase classifier: LightGBM boosters that are fitted on pooled prediction weeks and stored as text.

Two boosters share the features: the binary one for the purchase probability, LambdaRank for the order of a customer's
list. They travel as LightGBM's own text format: nothing is pickled.

References
----------
Ke et al.: LightGBM (NIPS 2017). Burges: From RankNet to LambdaRank to LambdaMART (2010).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.compute

KEYS = ("prediction_week", "customer_id", "product_id")
# Columns of an example that are no features.
LABELS = (*KEYS, "was_bought", "example_weight")
# LightGBM ranks no longer list: that of a card that stands for many customers is cut into several.
LONGEST_LIST = 10_000
# Of a batch whose columns become rows.
ROWS_AT_A_TIME = 5_000
# Features that the boosters learn from, and the rounds of the short fits that choose them.
SCREENED_FEATURES = 220
SCREENING_ROUNDS = 30
SCREENING_LEARNING_RATE = 0.12


@dataclass(frozen=True)
class ClassifierConfig:
    """What is fitted, and for how long.

    Parameters
    ----------
    objective
        ``binary`` or ``lambdarank``.
    learning_rate, num_leaves, min_data_in_leaf, feature_fraction, bagging_fraction, lambda_l2, max_bin
        LightGBM's parameters of these names.
    num_boost_round
        Boosting rounds.
    seed
        Seed of the row and column samples.
    """

    objective: str
    learning_rate: float = 0.05
    num_leaves: int = 31
    min_data_in_leaf: int = 200
    feature_fraction: float = 0.2
    bagging_fraction: float = 0.8
    lambda_l2: float = 10.0
    max_bin: int = 63
    num_boost_round: int = 300
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
            "feature_pre_filter": False,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if self.objective == "lambdarank":
            parameters["lambdarank_truncation_level"] = 20
        return parameters


# One week's log loss or NDCG is too noisy to stop by: the rounds were chosen once, on weeks 46 to 48 of The Complete
# Journey.
BINARY = ClassifierConfig(objective="binary", num_leaves=50)
LAMBDARANK = ClassifierConfig(objective="lambdarank", learning_rate=0.09, num_boost_round=160)
OBJECTIVES = (BINARY.objective, LAMBDARANK.objective)


def configured(config: ClassifierConfig, parameters: Iterable[tuple[str, str, float]]) -> ClassifierConfig:
    """A config with the parameters that tuning chose.

    Parameters
    ----------
    config
        The defaults.
    parameters
        Rows of objective, parameter and value; those of the other objective are left alone.

    Raises
    ------
    ValueError
        If there is no such objective, or no such parameter that can be set.
    """
    chosen = {}
    for objective, parameter, value in parameters:
        if objective not in OBJECTIVES:
            raise ValueError(f"classifier_parameters: objective {objective!r} is none of {', '.join(OBJECTIVES)}")
        default = getattr(config, parameter, None)
        # All boosters share the bins, which are made before one is looked at.
        if not isinstance(default, (int, float)) or parameter == "max_bin":
            raise ValueError(f"classifier_parameters: {parameter!r} of {objective!r} is no parameter that can be set")
        if objective == config.objective:
            chosen[parameter] = type(default)(value)
    return replace(config, **chosen)


class StoredFeatures(lightgbm.Sequence):
    """The matrix of examples that stay in the warehouse: read while LightGBM bins them, and not kept.

    Parameters
    ----------
    rows
        How many examples.
    read
        Returns their features, float32, shape ``(rows, features)``.
    """

    batch_size = sys.maxsize

    def __init__(self, rows: int, read: Callable[[], np.ndarray]) -> None:
        self._rows, self._read = rows, read

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: slice) -> np.ndarray:
        features = self._read()
        if len(features) != self._rows:
            raise ValueError(f"{self._rows} examples have {len(features)} rows of features")
        return features[rows]


@dataclass(frozen=True)
class Examples:
    """Labelled rows, sorted by prediction week and customer.

    Parameters
    ----------
    features
        float32, shape ``(rows, features)``, or where to read it; NaN is missing.
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

    features: np.ndarray | StoredFeatures
    feature_names: list[str]
    was_bought: np.ndarray
    weights: np.ndarray
    weeks: np.ndarray
    customers: np.ndarray

    def of_features(self, names: list[str]) -> Examples:
        """The same rows with some of their features."""
        chosen = [self.feature_names.index(name) for name in names]
        return replace(self, features=self.features[:, chosen], feature_names=names)

    def group_sizes(self) -> np.ndarray:
        """Lengths of the lists that LambdaRank orders: one per prediction week and customer."""
        starts = (np.diff(self.weeks) != 0) | (np.diff(self.customers) != 0)
        edges = np.concatenate(([0], np.flatnonzero(starts) + 1, [len(self.weeks)]))
        cuts = [np.arange(start, end, LONGEST_LIST) for start, end in pairwise(edges)]
        return np.diff(np.concatenate((*cuts, edges[-1:])))


def feature_names(schema: pa.Schema) -> list[str]:
    """Names of the columns that are features: those of type float, in the order of the table."""
    return [field.name for field in schema if pa.types.is_float32(field.type)]


def feature_matrix(batch: pa.RecordBatch, names: list[str]) -> np.ndarray:
    """Columns of an Arrow batch as a float32 matrix, shape ``(rows, len(names))``; null becomes NaN."""
    matrix = np.empty((batch.num_rows, len(names)), dtype=np.float32)
    # A part at a time, which stays near the processor: every column touches all of its rows.
    for start in range(0, batch.num_rows, ROWS_AT_A_TIME):
        part, rows = matrix[start : start + ROWS_AT_A_TIME], batch.slice(start, ROWS_AT_A_TIME)
        for position, name in enumerate(names):
            part[:, position] = rows.column(name).to_numpy(zero_copy_only=False)
    return matrix


def examples_from_rows(rows: pa.Table) -> Examples:
    """Examples in the order of learning: by prediction week, customer and product.

    Parameters
    ----------
    rows
        Columns ``prediction_week``, ``customer_id``, ``product_id``, ``was_bought``, ``example_weight`` and the
        features (float32), in any order.
    """
    order = pyarrow.compute.sort_indices(rows.select(KEYS), [(name, "ascending") for name in KEYS])
    names = [name for name in feature_names(rows.schema) if name != "example_weight"]
    place = np.empty(rows.num_rows, dtype=np.int64)
    place[order.to_numpy()] = np.arange(rows.num_rows)
    features = np.empty((rows.num_rows, len(names)), dtype=np.float32)
    start = 0
    for batch in rows.to_batches():
        features[place[start : start + batch.num_rows]] = feature_matrix(batch, names)
        start += batch.num_rows
    customers = rows["customer_id"].combine_chunks().dictionary_encode().indices.take(order)
    return Examples(
        features,
        names,
        rows["was_bought"].take(order).to_numpy(),
        rows["example_weight"].take(order).to_numpy(),
        rows["prediction_week"].take(order).to_numpy(),
        customers.to_numpy(),
    )


@dataclass(frozen=True)
class BinnedExamples:
    """Examples as LightGBM keeps them: binned once, and shared by all boosters that learn from them.

    Parameters
    ----------
    dataset
        Lists of customers and labels; the weights are set for each booster.
    weights
        float32, shape ``(rows,)``: how many rows of the full grid one row stands for.
    """

    dataset: lightgbm.Dataset
    weights: np.ndarray


def bin_examples(*parts: Examples, like: Examples | None = None) -> BinnedExamples:
    """Bin the features of examples.

    Parameters
    ----------
    parts
        What to learn from, in the order of the weeks. All have the same features; their matrices are not put together.
    like
        A sample with the same features, whose values choose the borders of the bins; needed where parts are stored,
        which are read once. Otherwise a sample of the parts does.

    Raises
    ------
    ValueError
        If there are no examples, none was bought, or all were: there is nothing to tell apart.
    """
    parts = tuple(part for part in parts if len(part.weights))
    if not parts:
        raise ValueError(
            "there are no training examples: no candidate of the training weeks was bought or sampled; see that the"
            " lines of those weeks and of the weeks before name their customers, or load more weeks"
        )
    was_bought, weights, group_sizes = (
        np.concatenate(columns)
        for columns in zip(*((part.was_bought, part.weights, part.group_sizes()) for part in parts), strict=True)
    )
    if was_bought.all() or not was_bought.any():
        raise ValueError(
            "the training weeks hold no purchases to learn from, or nothing but purchases; load more weeks, or let"
            " more of them teach (training_weeks)"
        )
    with_bins = partial(lightgbm.Dataset, feature_name=parts[0].feature_names, params=BINARY.lightgbm_parameters())
    dataset = with_bins(
        [part.features for part in parts],
        label=was_bought.astype(np.float32),
        group=group_sizes,
        reference=None if like is None else with_bins(like.features, label=like.was_bought),
    )
    return BinnedExamples(dataset.construct(), weights)


def fit(examples: BinnedExamples, config: ClassifierConfig) -> lightgbm.Booster:
    """Fit one booster.

    Parameters
    ----------
    examples
        What to learn from.
    config
        Which booster.
    """
    # LambdaRank compares the pairs of a list as they stand; weights are for probabilities.
    # (`set_weight(None)` would leave the weights of the booster before.)
    examples.dataset.set_field("weight", None if config.objective == "lambdarank" else examples.weights)
    return lightgbm.train(config.lightgbm_parameters(), examples.dataset, num_boost_round=config.num_boost_round)


def rank_features(examples: Examples) -> list[str]:
    """All features, those first that short fits of both boosters gain most from.

    What the first ``SCREENED_FEATURES`` say the others say no better: leaving those out saves time and memory, and 320
    gave no more than 220.

    Parameters
    ----------
    examples
        Training weeks, with all features.
    """
    binned = bin_examples(examples)
    gains = np.zeros(len(examples.feature_names))
    for config in (BINARY, LAMBDARANK):
        config = replace(config, learning_rate=SCREENING_LEARNING_RATE, num_boost_round=SCREENING_ROUNDS)
        gain = fit(binned, config).feature_importance("gain")
        gains += gain / max(gain.sum(), 1e-12)
    return [examples.feature_names[position] for position in np.argsort(-gains, kind="stable")]
