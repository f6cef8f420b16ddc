"""Why a pair has its probability: TreeSHAP contributions of the features, added up by family.

References
----------
Lundberg et al.: From local explanations to global understanding with explainable AI for trees (2020), TreeSHAP.
Nadel, Wettenstein: From Decision Trees to Boolean Logic: A Fast and Unified SHAP Algorithm (2025), WOODELF, which
computes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import duckdb
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
from woodelf.core.cube_metric import ShapleyValues
from woodelf.core.path_to_s_vectors.lts_recursive_p2s import LTSRecursivePathToSVectors
from woodelf.core.trees.parse_models import load_decision_tree_ensemble_model
from woodelf.woodelf_sparse import sparse_path_dependent_single_tree

from grocery_recommender import classifier, runs
from grocery_recommender.prediction_weeks import PredictionWeek, stored_weeks
from grocery_recommender.run_variables import EXPLAINER, release
from grocery_recommender.streaming import Passage, map_in_arrow, unchanged

# Contributions of one feature are added to those of its family, whose facts a sentence can say.
FAMILIES = ("history", "timing", "offer", "likeness", "product", "customer")
SCHEMA = pa.schema(
    [
        ("prediction_week", pa.int32()),
        ("build_fingerprint", pa.string()),
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        *((f"{family}_contribution", pa.float32()) for family in FAMILIES),
    ]
)
# Every batch pays for the tables of all paths through the trees, whatever its rows.
BATCH_ROWS = 150_000
# Fewer rows are explained sooner than another process is started.
ROWS_PER_PROCESS = 20_000
LEVELS = ("product", "subcategory", "category", "department", "division")
OFFER_WORDS = ("offer", "mailer", "display", "price_drop", "price_change", "price_to_own_usual")
TIMING_WORDS = ("overdue", "gap_days", "days_since", "hazard", "replaced", "streak")


def family_of(feature: str) -> str:
    """The family of a feature, by its name.

    ``history`` is what and how often the customer bought, ``timing`` when, ``offer`` what is and was on offer,
    ``likeness`` what customers alike buy, ``product`` and ``customer`` what is said of one without the other.
    """
    if any(word in feature for word in OFFER_WORDS):
        return "offer"
    if feature.startswith(("als_", "neighbour_")):
        return "likeness"
    if feature.startswith(("tifu_", *(f"customer_{level}_" for level in LEVELS))):
        return "timing" if any(word in feature for word in TIMING_WORDS) else "history"
    return "customer" if feature.startswith("customer_") else "product"


def tree_shap(booster: lightgbm.Booster, features: np.ndarray) -> np.ndarray:
    """Path-dependent TreeSHAP: what each feature adds to a row's raw score.

    The same as ``booster.predict(features, pred_contrib=True)`` without its last column, in a tenth of the time: rows
    that take the same turns on the way to a leaf share the computation. A row's values do not depend on the other rows.

    Parameters
    ----------
    booster
        Any booster of one output and without categorical features.
    features
        The columns that it reads, shape ``(rows, features)``; NaN is missing.

    Returns
    -------
    numpy.ndarray
        float32, shape ``(rows, features)``, in units of the raw score.
    """
    names = booster.feature_name()
    return _contributions(booster, features, {name: position for position, name in enumerate(names)}, len(names))


def family_contributions(booster: lightgbm.Booster, features: np.ndarray) -> np.ndarray:
    """Contributions of the families to the log odds of a purchase.

    Parameters
    ----------
    booster
        A binary booster.
    features
        The columns that it reads, shape ``(rows, features)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(rows, len(FAMILIES))``. A row's sum is its log odds, less the mean log odds of what was learnt from.
    """
    family = {name: FAMILIES.index(family_of(name)) for name in booster.feature_name()}
    return _contributions(booster, features, family, len(FAMILIES))


class _GroupVectors(LTSRecursivePathToSVectors):
    """What the features of a path add, added up by group before it is spread over the rows that take its turns."""

    def __init__(self, group_of: Mapping[str, int], max_depth: int) -> None:
        super().__init__(ShapleyValues(), max_depth)
        self._group_of = group_of

    def get_path_dependent_s_matrix(self, *path: Any, **options: Any) -> dict[int, np.ndarray]:
        vectors: dict[int, np.ndarray] = {}
        for feature, vector in super().get_path_dependent_s_matrix(*path, **options).items():
            group = self._group_of[feature]
            vectors[group] = vectors[group] + vector if group in vectors else vector
        return vectors


def _contributions(
    booster: lightgbm.Booster, features: np.ndarray, group_of: Mapping[str, int], groups: int
) -> np.ndarray:
    """Contributions of groups of features, float32, shape ``(rows, groups)``."""
    names = booster.feature_name()
    # Thresholds are float64: compared in float32, rows near them would turn the other way.
    rows = pd.DataFrame(features.astype(np.float64, order="F"), columns=names)
    trees = load_decision_tree_ensemble_model(booster, names)
    group_vectors = _GroupVectors(group_of, min(trees.max_depth, len(names)))
    of_group: dict[int, np.ndarray] = {}
    for tree in trees.trees:
        sparse_path_dependent_single_tree(tree, rows, of_group, group_vectors, GPU=False, use_neighbor_leaf_trick=True)
    contributions = np.zeros((len(rows), groups), dtype=np.float32)
    for group, values in of_group.items():
        contributions[:, group] = values
    return contributions


def explain(
    dbt: Any, session: Any, weeks: list[PredictionWeek], features_sql: str, runs_sql: str, shown_sql: str
) -> Any:
    """Contributions of the families for the pairs of the target week that any product shows.

    A pair whose features, booster and release of the explainer are those of its stored contributions is not explained
    again.

    Parameters
    ----------
    dbt, session
        The two arguments of the dbt Python model.
    weeks
        The prediction weeks, in order of time; the last one is the target week.
    features_sql, runs_sql, shown_sql
        Queries for ``candidate_features``, ``classifier_runs`` and ``shown_items``.

    Returns
    -------
    pyarrow.RecordBatchReader or pyspark.sql.DataFrame
        In ``SCHEMA``, one row per pair; a batch of rows is in memory at a time.
    """
    connection = session.cursor()
    week = weeks[-1]
    scorer = runs.load_scorer(connection, runs_sql, week)
    fingerprint = hashlib.sha256(f"{scorer.fingerprint(week)}{release(EXPLAINER)}".encode()).hexdigest()
    shown = f"select customer_id, product_id from ({shown_sql})"
    passages = []
    if (week.prediction_week, fingerprint) in stored_weeks(connection, dbt.this, SCHEMA):
        stored = f"from {dbt.this} where build_fingerprint = '{fingerprint}'"
        kept = f"select {', '.join(SCHEMA.names)} {stored} and (customer_id, product_id) in ({shown})"
        passages.append(Passage("kept contributions", kept, unchanged))
        shown = f"{shown} except select customer_id, product_id {stored}"
    query = f"""
        select {", ".join((*classifier.KEYS, *scorer.binary.feature_name()))} from ({features_sql})
        where prediction_week = {week.prediction_week} and (customer_id, product_id) in ({shown})
    """
    # A cluster has its executors; here the cores would idle, since the computation is one thread's.
    processes = joblib.cpu_count() if isinstance(connection, duckdb.DuckDBPyConnection) else 1
    passages.append(Passage("contributions", query, partial(_explained, scorer.binary, fingerprint, processes)))
    return map_in_arrow(connection, passages, SCHEMA, BATCH_ROWS)


def _explained(
    booster: lightgbm.Booster, fingerprint: str, processes: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    names = booster.feature_name()
    explain_part = joblib.delayed(partial(family_contributions, booster))
    for batch in batches:
        parts = max(min(processes, batch.num_rows // ROWS_PER_PROCESS), 1)
        features = np.array_split(classifier.feature_matrix(batch, names), parts)
        contributions = np.concatenate(joblib.Parallel(n_jobs=parts)(map(explain_part, features)))
        week, customers, products = (batch.column(name) for name in classifier.KEYS)
        columns = [pa.array(column.astype(np.float32)) for column in contributions.T]
        fingerprints = pa.repeat(fingerprint, batch.num_rows)
        rows = pa.RecordBatch.from_arrays([week, fingerprints, customers, products, *columns], names=SCHEMA.names)
        yield rows.cast(SCHEMA)
