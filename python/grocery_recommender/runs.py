"""Model runs: the boosters that score a week, fitted once on the weeks before it and stored as text.

The validation and test weeks are scored by the runs that scored them when they were still the future, so that what is
measured is what was published (prequential evaluation), and a weekly build fits one run.

References
----------
Dawid: Present Position and Potential Developments: The Prequential Approach (1984).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa

from grocery_recommender import classifier
from grocery_recommender.classifier import ClassifierConfig, Examples, StoredFeatures
from grocery_recommender.network import Lessons, Network, NetworkConfig
from grocery_recommender.prediction_weeks import PredictionWeek, is_full_refresh, stored_columns
from grocery_recommender.progress import report
from grocery_recommender.run_variables import LEARNING_LIBRARIES, run_variables
from grocery_recommender.sampling import customer_sample

SCHEMA = pa.schema(
    [
        ("model_run_id", pa.string()),
        ("target_week", pa.int32()),
        ("objective", pa.string()),
        ("algorithm", pa.string()),
        ("parameters", pa.string()),
        ("training_weeks", pa.string()),
        ("training_rows", pa.int64()),
        ("best_iteration", pa.int32()),
        ("feature_names", pa.list_(pa.string())),
        ("model_text", pa.string()),
        ("is_in_use", pa.bool_()),
        ("input_fingerprint", pa.string()),
        ("code_version", pa.string()),
        ("library_versions", pa.string()),
        ("fit_seconds", pa.float64()),
        ("fitted_at", pa.timestamp("us")),
    ]
)
MODELS = (classifier.BINARY, classifier.LAMBDARANK)
NETWORK = NetworkConfig()
# The features are screened, and binned, by examples of the latest training week: it chooses as well as three weeks do.
SCREENING_EXAMPLES = 50_000
# How the features begin that tell of the week's own offers.
KNOWN_OFFERS = "known_offer_"


def fit_runs(
    dbt: Any,
    session: Any,
    weeks: list[PredictionWeek],
    examples_sql: tuple[str, str],
    parameters: list[tuple[str, str, float]],
) -> pa.Table:
    """The runs that score the validation, test and target weeks, and every run that the table held before.

    A run whose inputs and parameters are those of a stored run is not fitted again.

    Parameters
    ----------
    dbt, session
        The two arguments of a dbt Python model.
    weeks
        The prediction weeks, in order of time. A run learns from the ``training_weeks`` before the week that it is
        fitted for, from fewer where history is short.
    examples_sql
        Query for ``training_examples``, and query for the same pairs with their features, ``training_features``.
    parameters
        Rows of ``classifier_parameters``: objective, parameter, value.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, one row per run; ``is_in_use`` are those that score a week.

    Raises
    ------
    ValueError
        If no prediction week is left to learn from.
    """
    connection = session.cursor()
    if not {"train", "validation", "test"} <= {week.week_role for week in weeks}:
        raise ValueError(
            f"not enough history to learn from: {len(weeks)} prediction weeks are possible, at least 4 are needed;"
            " load more weeks, or lower minimum_history_weeks"
        )
    code_version = run_variables(Path.cwd())["learning_code_version"]
    boosters = [classifier.configured(config, parameters) for config in MODELS]
    but_texts = [name for name in SCHEMA.names if name != "model_text"]
    runs_before = _stored_runs(connection, dbt.this, but_texts)
    stored = {run["model_run_id"]: run | {"is_in_use": False} for run in runs_before}
    for target_week in sorted({week.fitted_for_week for week in weeks if week.fitted_for_week is not None}):
        position = next(n for n, week in enumerate(weeks) if week.prediction_week == target_week)
        learnt_from = weeks[max(position - weeks[position].training_weeks, 0) : position]
        inputs = [weeks[position].has_known_offers, *(week.example_fingerprint for week in learnt_from)]
        runs = {config: _run_id(target_week, inputs, config, code_version) for config in (NETWORK, *boosters)}
        run_ids = {run_id for run_id, _ in runs.values()}
        if is_full_refresh() or not run_ids <= stored.keys():
            training = [week.prediction_week for week in learnt_from]
            for run in _fit(connection, examples_sql, training, runs, weeks[position].has_known_offers):
                stored[run["model_run_id"]] = run | {"target_week": target_week, "code_version": code_version}
        else:
            report(f"classifier: the stored run of week {target_week} fits its inputs, nothing to learn")
        for run_id in run_ids:
            stored[run_id]["is_in_use"] = True
    # Texts of all runs that ever were, as large as a fit after some years: read when no fit needs the memory.
    texts = {run["model_run_id"]: run for run in _stored_runs(connection, dbt.this, ["model_run_id", "model_text"])}
    return pa.Table.from_pylist([texts.get(run_id, {}) | run for run_id, run in stored.items()], schema=SCHEMA)


def _fit(
    connection: Any,
    examples_sql: tuple[str, str],
    training_weeks: list[int],
    runs: dict[ClassifierConfig | NetworkConfig, tuple[str, str]],
    with_offers: bool,
) -> Iterator[dict[str, Any]]:
    """Fit the models of a week, each with its id and fingerprint: what the rows of ``SCHEMA`` say of the fit."""
    started = time.monotonic()
    sample = screened_sample(connection, examples_sql, training_weeks, with_offers)
    features = sample.feature_names
    lessons = Lessons(sample)
    weeks = [_stored_examples(connection, examples_sql, week, features, lessons.add) for week in training_weeks]
    examples = classifier.bin_examples(*weeks, like=sample)
    del sample
    report(
        f"classifier: {len(examples.weights):,} examples of {len(training_weeks)} weeks, {len(features)} features,"
        f" {time.monotonic() - started:.1f} s"
    )
    for config, (run_id, fingerprint) in runs.items():
        started = time.monotonic()
        if isinstance(config, ClassifierConfig):
            booster = classifier.fit(examples, config)
            algorithm, rounds, text = "lightgbm", booster.num_trees(), booster.model_to_string()
        else:
            config = config.taught_by(len(examples.weights))
            network = lessons.fit(config)
            algorithm, rounds, text = "scikit-learn", network.passes, network.to_text()
        seconds = time.monotonic() - started
        report(f"classifier: {run_id}, {rounds} rounds or passes, {seconds:.1f} s")
        yield {
            "model_run_id": run_id,
            "objective": config.objective,
            "algorithm": algorithm,
            "parameters": json.dumps(asdict(config), sort_keys=True),
            "training_weeks": json.dumps(training_weeks),
            "training_rows": len(examples.weights),
            "best_iteration": rounds,
            "feature_names": features,
            "model_text": text,
            "input_fingerprint": fingerprint,
            "library_versions": json.dumps({name: version(name) for name in LEARNING_LIBRARIES}),
            "fit_seconds": seconds,
            "fitted_at": datetime.now(UTC).replace(tzinfo=None),
        }


def screened_sample(
    connection: Any, examples_sql: tuple[str, str], training_weeks: list[int], with_offers: bool = True
) -> Examples:
    """Examples of the latest training week that tells features apart, with those to learn from, the best first.

    A week whose offers nobody knows looks like one without any: what offers did in other weeks would say that customers
    buy little. So where `with_offers` is false, nothing is learnt from them. Nor is from what the earliest of the weeks
    cannot know, as of a year ago: in later ones it would tell which week it is, and how much was bought in that.
    """
    pairs_sql, features_sql = examples_sql
    # Purchases alone, or none, as of a week in which a small shop was closed, tell nothing apart.
    telling = connection.sql(
        f"select prediction_week, count(*) from ({pairs_sql})"
        f" where prediction_week in ({', '.join(map(str, training_weeks))})"
        " group by prediction_week having bool_or(was_bought) and not bool_and(was_bought)"
    ).fetchall()
    week, pairs = max(telling, default=(training_weeks[-1], 0))
    earliest, _ = min(telling, default=(week, 0))
    sampled = f"where prediction_week = {week} and {customer_sample(pairs, SCREENING_EXAMPLES)}"
    sample = _read_examples(connection, f"select * from ({features_sql}) {sampled}")
    if not with_offers:
        sample = sample.of_features([name for name in sample.feature_names if not name.startswith(KNOWN_OFFERS)])
    known = _known_in(connection, features_sql, earliest, classifier.rank_features(sample))
    return sample.of_features(known[: classifier.SCREENED_FEATURES])


def _known_in(connection: Any, features_sql: str, week: int, names: list[str]) -> list[str]:
    """The features of which a week knows any value; all, if it has no examples."""
    counts = ", ".join(f"count({name})" for name in names)
    with _joined_as_written(connection):
        rows = connection.sql(f"select count(*), {counts} from ({features_sql}) where prediction_week = {week}")
        ((examples, *known),) = rows.fetchall()
    return [name for name, values in zip(names, known, strict=True) if values or not examples]


@dataclass(frozen=True)
class Scorer:
    """The models of a target week, with the ids of their runs."""

    run_ids: dict[str, str]
    binary: lightgbm.Booster
    ranker: lightgbm.Booster
    network: Network

    def fingerprint(self, week: PredictionWeek) -> str:
        """What the scores of a week depend on: its features, and the models."""
        content = json.dumps([week.build_fingerprint, sorted(self.run_ids.values())]).encode()
        return hashlib.sha256(content).hexdigest()


def load_scorer(connection: Any, runs_sql: str, week: PredictionWeek) -> Scorer:
    """The stored models that score a week."""
    rows = connection.sql(
        f"select objective, model_run_id, model_text from ({runs_sql}) where target_week = ? and is_in_use",
        params=[week.fitted_for_week],
    ).fetchall()
    run_ids = {objective: run_id for objective, run_id, _ in rows}
    texts = {objective: text for objective, _, text in rows}
    binary, ranker = (lightgbm.Booster(model_str=texts[config.objective]) for config in MODELS)
    return Scorer(run_ids, binary, ranker, Network.from_text(texts[NETWORK.objective]))


def _stored_examples(
    connection: Any,
    examples_sql: tuple[str, str],
    week: int,
    features: list[str],
    pass_by: Callable[[Examples], None],
) -> Examples:
    """The examples of a week, whose features are read when they are binned, and pass by a function then."""
    pairs_sql, features_sql = examples_sql
    # One week at a time: only an equality is pushed through the left joins to all that is joined.
    of_week = f"where prediction_week = {week}"
    examples = _read_examples(connection, f"select {', '.join(classifier.LABELS)} from ({pairs_sql}) {of_week}")
    query = f"select {', '.join((*classifier.LABELS, *features))} from ({features_sql}) {of_week}"

    def read() -> np.ndarray:
        with _joined_as_written(connection):
            with_features = _read_examples(connection, query)
        pass_by(with_features)
        return with_features.features

    return replace(examples, features=StoredFeatures(len(examples.weights), read), feature_names=features)


@contextmanager
def _joined_as_written(connection: Any) -> Iterator[None]:
    """Have DuckDB keep in memory what stands on the right of a join, and let pass by what stands on the left.

    It expects ten times the features that a week has, and would rather keep the examples, as wide as they have become
    so far, at every further join: more than its memory in a large shop.
    """
    is_duckdb = isinstance(connection, duckdb.DuckDBPyConnection)
    if is_duckdb:
        connection.execute("set disabled_optimizers = 'build_side_probe_side'")
    try:
        yield
    finally:
        if is_duckdb:
            connection.execute("reset disabled_optimizers")


def _read_examples(connection: Any, query: str) -> Examples:
    return classifier.examples_from_rows(connection.sql(query).to_arrow_table())


def _run_id(
    target_week: int, inputs: list[Any], config: ClassifierConfig | NetworkConfig, code_version: str
) -> tuple[str, str]:
    """Id of a run, and the fingerprint of all that it depends on."""
    content = json.dumps([inputs, asdict(config), code_version]).encode()
    fingerprint = hashlib.sha256(content).hexdigest()
    return f"{target_week}-{config.objective}-{fingerprint[:8]}", fingerprint


def _stored_runs(connection: Any, table: Any, columns: list[str]) -> list[dict[str, Any]]:
    # Lists of past weeks name their runs: those that another release stored stay, with the columns that they have.
    there = stored_columns(connection, table)
    columns = [name for name in columns if name in there]
    if "model_run_id" not in columns:
        return []
    return connection.sql(f"select {', '.join(columns)} from {table}").to_arrow_table().to_pylist()
