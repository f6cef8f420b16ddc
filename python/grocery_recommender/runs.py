"""Model runs: which boosters a target week needs, fitted once and stored as text.

The *evaluation* run learns from the training weeks, chooses its rounds on the validation week and is measured once,
on the test week. The *production* run repeats the recipe one step on: the newest weeks, with the rounds already
chosen, for the week that nobody has seen.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm
import pyarrow as pa

from grocery_recommender import classifier
from grocery_recommender.classifier import ClassifierConfig, Examples
from grocery_recommender.prediction_weeks import PredictionWeek, is_full_refresh, stored_columns
from grocery_recommender.progress import report
from grocery_recommender.run_variables import run_variables
from grocery_recommender.sampling import customer_sample

SCHEMA = pa.schema(
    [
        ("model_run_id", pa.string()),
        ("target_week", pa.int32()),
        ("purpose", pa.string()),
        ("objective", pa.string()),
        ("algorithm", pa.string()),
        ("parameters", pa.string()),
        ("training_weeks", pa.string()),
        ("training_rows", pa.int64()),
        ("best_iteration", pa.int32()),
        ("feature_names", pa.list_(pa.string())),
        ("model_text", pa.string()),
        ("input_fingerprint", pa.string()),
        ("code_version", pa.string()),
        ("library_versions", pa.string()),
        ("fit_seconds", pa.float64()),
        ("fitted_at", pa.timestamp("us")),
    ]
)
LIBRARIES = ("lightgbm", "implicit", "duckdb", "numpy")
MODELS = (classifier.BINARY, classifier.LAMBDARANK)
# The features are screened on examples of the latest training week: it chooses as well as three weeks do.
SCREENING_EXAMPLES = 100_000


def fit_runs(
    dbt: Any,
    session: Any,
    weeks: list[PredictionWeek],
    examples_sql: str,
    parameters: list[tuple[str, str, float]] = (),
    retrain_every_weeks: int = 1,
) -> pa.Table:
    """The runs of the target week, and every run that the table held before.

    A run whose inputs and parameters are those of a stored run is not fitted again, and no run is fitted while stored
    ones of the same recipe are recent enough.

    Parameters
    ----------
    dbt, session
        The two arguments of a dbt Python model.
    weeks
        The prediction weeks, in order of time.
    examples_sql
        Query for ``training_features``.
    parameters
        Rows of ``classifier_parameters``: objective, parameter, value.
    retrain_every_weeks
        For so many target weeks the runs of the first one score; 1 fits every week anew.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, one row per run.

    Raises
    ------
    ValueError
        If no prediction week is left to learn from.
    """
    connection = session.cursor()
    stored = _stored_runs(connection, dbt.this)
    by_role = {role: [w for w in weeks if w.week_role == role] for role in ("train", "validation", "test", "score")}
    if not by_role["train"] or not by_role["validation"] or not by_role["test"]:
        raise ValueError(
            f"not enough history to learn from: {len(weeks)} prediction weeks are possible, at least 4 are needed;"
            " load more weeks, or lower minimum_history_weeks"
        )
    code_version = run_variables(Path.cwd())["learning_code_version"]
    models = [classifier.configured(config, parameters) for config in MODELS]
    known = {run["model_run_id"] for run in stored.to_pylist()}
    wanted = {
        (purpose, config.objective): _run_id(weeks, purpose, config, code_version)
        for purpose in ("evaluation", "production")
        for config in models
    }
    if not is_full_refresh() and known >= {run_id for run_id, _ in wanted.values()}:
        report("classifier: the stored runs fit these inputs, nothing to learn")
        return stored
    recent = (
        None if is_full_refresh() else _recent_target_week(stored, weeks, models, code_version, retrain_every_weeks)
    )
    if recent is not None:
        report(f"classifier: the runs of target week {recent} are recent enough, nothing to learn")
        return stored

    train = [w.prediction_week for w in by_role["train"]]
    labelled = [w.prediction_week for w in weeks if w.week_role != "score"]
    validation_week = by_role["validation"][0].prediction_week
    read = partial(_read_examples, connection, examples_sql)
    screened_on = f"from ({examples_sql}) where prediction_week = {train[-1]}"
    ((pairs,),) = connection.sql(f"select count(*) {screened_on}").fetchall()
    sample = read(train[-1:], condition=customer_sample(pairs, SCREENING_EXAMPLES))
    features = classifier.screen_features(sample, classifier.SCREENED_FEATURES)
    del sample
    examples = read(labelled, features)
    fitted = []
    rounds: dict[str, int] = {}
    for purpose, training_weeks in (("evaluation", train), ("production", labelled[-len(train) :])):
        learnt_from = classifier.bin_examples(examples.of_weeks(training_weeks))
        validation = None
        if purpose == "evaluation":
            validation = classifier.bin_examples(examples.of_weeks([validation_week]), learnt_from)
        for config in models:
            started = time.monotonic()
            booster = classifier.fit(learnt_from, config, validation, rounds.get(config.objective))
            rounds[config.objective] = booster.num_trees()
            seconds = time.monotonic() - started
            run_id, fingerprint = wanted[purpose, config.objective]
            report(f"classifier: {run_id}, {booster.num_trees()} trees, {seconds:.1f} s")
            fitted.append(
                {
                    "model_run_id": run_id,
                    "target_week": weeks[-1].prediction_week,
                    "purpose": purpose,
                    "objective": config.objective,
                    "algorithm": "lightgbm",
                    "parameters": json.dumps(asdict(config), sort_keys=True),
                    "training_weeks": json.dumps(training_weeks),
                    "training_rows": len(learnt_from.weights),
                    "best_iteration": booster.num_trees(),
                    "feature_names": features,
                    "model_text": booster.model_to_string(),
                    "input_fingerprint": fingerprint,
                    "code_version": code_version,
                    "library_versions": json.dumps({name: version(name) for name in LIBRARIES}),
                    "fit_seconds": seconds,
                    "fitted_at": datetime.now(UTC).replace(tzinfo=None),
                }
            )
    replaced = {run["model_run_id"] for run in fitted}
    kept = [run for run in stored.to_pylist() if run["model_run_id"] not in replaced]
    return pa.Table.from_pylist(kept + fitted, schema=SCHEMA)


@dataclass(frozen=True)
class Scorer:
    """The two boosters of a target week, with the ids of their runs."""

    binary_run_id: str
    ranker_run_id: str
    binary: lightgbm.Booster
    ranker: lightgbm.Booster

    def fingerprint(self, week: PredictionWeek) -> str:
        """What the scores of a week depend on: its features, and the boosters."""
        content = json.dumps([week.build_fingerprint, self.binary_run_id, self.ranker_run_id]).encode()
        return hashlib.sha256(content).hexdigest()


def load_scorer(connection: Any, runs_sql: str, target_week: int, purpose: str) -> Scorer:
    """The stored boosters that score a target week: its own, or those of the latest week before it."""
    rows = connection.sql(
        f"select objective, model_run_id, model_text from ({runs_sql}) where target_week <= ? and purpose = ?"
        " qualify row_number() over (partition by objective order by target_week desc, fitted_at desc, model_run_id)"
        " = 1",
        params=[target_week, purpose],
    ).fetchall()
    found = {objective: (run_id, text) for objective, run_id, text in rows}
    (binary_run_id, binary), (ranker_run_id, ranker) = found["binary"], found["lambdarank"]
    return Scorer(binary_run_id, ranker_run_id, lightgbm.Booster(model_str=binary), lightgbm.Booster(model_str=ranker))


def _read_examples(
    connection: Any, examples_sql: str, weeks: list[int], features: list[str] | None = None, condition: str = "true"
) -> Examples:
    """The examples of some weeks that meet a condition, with all features or those that are named."""
    started = time.monotonic()
    columns = "*" if features is None else ", ".join((*classifier.KEYS, "was_bought", "example_weight", *features))
    # One week at a time: only an equality is pushed through the left joins to all that is joined.
    rows = pa.concat_tables(
        connection.sql(
            f"select {columns} from ({examples_sql}) where prediction_week = {week} and {condition}"
        ).to_arrow_table()
        for week in weeks
    )
    examples = classifier.examples_from_rows(rows)
    report(
        f"classifier: {rows.num_rows:,} examples of {len(weeks)} weeks, {examples.was_bought.sum():,} bought,"
        f" {len(examples.feature_names)} features, {time.monotonic() - started:.1f} s"
    )
    return examples


def _run_id(weeks: list[PredictionWeek], purpose: str, config: ClassifierConfig, code_version: str) -> tuple[str, str]:
    """Id of a run, and the fingerprint of all that it depends on."""
    inputs = [(w.prediction_week, w.week_role, w.build_fingerprint) for w in weeks]
    content = json.dumps([inputs, purpose, asdict(config), code_version]).encode()
    fingerprint = hashlib.sha256(content).hexdigest()
    return f"{weeks[-1].prediction_week}-{purpose}-{config.objective}-{fingerprint[:8]}", fingerprint


def _recent_target_week(
    stored: pa.Table, weeks: list[PredictionWeek], models: list[ClassifierConfig], code_version: str, every: int
) -> int | None:
    """The target week before this one whose runs may still score it."""
    recipe = {json.dumps(asdict(config), sort_keys=True) for config in models}
    by_week: dict[int, set[tuple[str, str]]] = {}
    for run in stored.to_pylist():
        if run["code_version"] == code_version and run["parameters"] in recipe:
            by_week.setdefault(run["target_week"], set()).add((run["purpose"], run["parameters"]))
    target = weeks[-1].prediction_week_index
    for week in reversed(weeks[:-1]):
        if target - week.prediction_week_index < every and len(by_week.get(week.prediction_week, ())) == 2 * len(
            recipe
        ):
            return week.prediction_week
    return None


def _stored_runs(connection: Any, table: Any) -> pa.Table:
    if stored_columns(connection, table) != set(SCHEMA.names):
        return SCHEMA.empty_table()
    return connection.sql(f"select {', '.join(SCHEMA.names)} from {table}").to_arrow_table().cast(SCHEMA)
