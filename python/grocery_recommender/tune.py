"""``python -m grocery_recommender.tune``: search the parameters of the boosters on weeks that no evaluation looks at.

The features are built once more, in a warehouse of their own, as they were on the eve of the first week that a backtest
looks at. There the last two weeks judge, with all their candidates, and those before teach, as in a regular build. The
binary booster is judged by its log loss, LambdaRank by NDCG@10 of its score plus log odds, which is what a list is
ordered by. What is better than the present parameters is written to ``seeds/classifier_parameters.csv``, which the next
build reads. A search that is broken off goes on where it stopped, while weeks, vars, code and libraries are the same.

References
----------
Akiba et al.: Optuna (2019); the sampler is the tree-structured Parzen estimator of Bergstra et al. (2011).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import optuna
import pyarrow as pa
from scipy.special import logit
from sklearn.metrics import log_loss

from grocery_recommender import classifier, runs
from grocery_recommender.backtest import WITHOUT_TESTS, build, default_weeks
from grocery_recommender.classifier import ClassifierConfig, Examples
from grocery_recommender.run_variables import LEARNING_CODE, LEARNING_LIBRARIES, code_version
from grocery_recommender.sampling import customer_sample

SEED_FILE = Path("seeds/classifier_parameters.csv")
# Says who judges, and by what.
SEARCHING_CODE = "python/grocery_recommender/tune.py"
# Candidates of each judging week, at most: a sample of whole customers.
JUDGING_PAIRS = 500_000
CUTOFF = 10
SAMPLER_SEED = 20060410
SEARCHED: dict[str, dict[str, Any]] = {
    "learning_rate": {"low": 0.03, "high": 0.2, "log": True},
    "num_leaves": {"low": 15, "high": 63},
    "min_data_in_leaf": {"low": 50, "high": 800, "log": True},
    "feature_fraction": {"low": 0.1, "high": 0.6},
    "bagging_fraction": {"low": 0.5, "high": 1.0},
    "lambda_l2": {"low": 1.0, "high": 50.0, "log": True},
    "num_boost_round": {"low": 60, "high": 500},
}


def suggest(trial: optuna.Trial, config: ClassifierConfig) -> ClassifierConfig:
    """The parameters of one trial."""
    chosen: dict[str, Any] = {}
    for name, bounds in SEARCHED.items():
        draw = trial.suggest_int if isinstance(bounds["low"], int) else trial.suggest_float
        chosen[name] = draw(name, **bounds)
    return replace(config, **chosen)


def mean_ndcg(scores: np.ndarray, was_bought: np.ndarray, group_sizes: np.ndarray, cutoff: int = CUTOFF) -> float:
    """Mean NDCG of the lists with a purchase.

    Parameters
    ----------
    scores, was_bought
        Shapes ``(rows,)``, list after list.
    group_sizes
        Lengths of the lists, in order.
    cutoff
        Length that is looked at.
    """
    discounts = 1 / np.log2(np.arange(2, cutoff + 2))
    figures, start = [], 0
    for size in group_sizes:
        labels = was_bought[start : start + size]
        bought = min(int(labels.sum()), cutoff)
        if bought:
            best = labels[np.argsort(-scores[start : start + size], kind="stable")[:cutoff]]
            figures.append((best * discounts[: len(best)]).sum() / discounts[:bought].sum())
        start += size
    return float(np.mean(figures))


def search(
    config: ClassifierConfig, value_of: Callable[[ClassifierConfig], float], trials: int, storage: Path, name: str
) -> ClassifierConfig:
    """The best parameters after so many trials, those of earlier searches of the same name included.

    Parameters
    ----------
    config
        The present parameters; they are tried before others, and are what is given back where nothing is better.
    value_of
        What is maximized.
    trials
        Trials in all that came to an end; one more where the present parameters are none of them.
    storage
        File that keeps them.
    name
        Trials are comparable, and go on, under the same name.
    """
    if storage.exists():  # a line that a full disk or a kill cut short would spoil what is appended to it
        lines = storage.read_bytes()
        os.truncate(storage, lines.rfind(b"\n") + 1)
    # Resolved: Optuna locks by a link to the file, and waits for ever on one that leads nowhere.
    backend = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(storage.resolve())))
    study = optuna.create_study(
        study_name=name,
        storage=backend,
        direction="maximize",
        load_if_exists=True,
    )
    # With the seed of before, a search that goes on would draw the same trials once more.
    study.sampler = optuna.samplers.TPESampler(seed=SAMPLER_SEED + len(study.trials))
    # A trial that was broken off is stored, too, as failed or as running for ever.
    complete = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    remaining = max(trials - len(complete), 0)
    present = {name: getattr(config, name) for name in SEARCHED}
    if present not in [trial.params for trial in complete]:
        study.enqueue_trial(present)
        remaining = max(remaining, 1)
    if remaining:
        study.optimize(lambda trial: value_of(suggest(trial, config)), n_trials=remaining, show_progress_bar=True)
    return replace(config, **study.best_params)


def study_name(connection: Any, config: ClassifierConfig, week: int, variables: dict[str, Any]) -> str:
    """The name under which trials are comparable: a hash of all that their values depend on is part of it.

    Parameters
    ----------
    connection
        To the warehouse of ``read_weeks``.
    config
        The present parameters, of which those count that are not searched.
    week
        The week on whose eve the features are.
    variables
        Vars of the build.
    """
    weeks = connection.sql(
        "select prediction_week, week_role, build_fingerprint, example_fingerprint from grid.prediction_weeks"
        " where week_role <> 'score' order by all"
    ).fetchall()
    # Not the run variable: outside of a build, dbt knows no vars of the command line.
    code = code_version(Path.cwd(), (*LEARNING_CODE, SEARCHING_CODE), LEARNING_LIBRARIES, variables)
    fixed = {name: value for name, value in asdict(config).items() if name not in SEARCHED}
    inputs = hashlib.sha256(json.dumps([weeks, code, fixed]).encode()).hexdigest()
    return f"{config.objective}, before week {week}, of {inputs[:12]}"


def write_parameters(configs: list[ClassifierConfig], parameters: list[str], path: Path) -> None:
    """Write the values of some parameters of each config to the seed file, whose rows of other parameters stay."""
    with path.open(newline="") as file:
        others = [row for row in csv.reader(file) if row and row[1] not in {"parameter", *parameters}]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["objective", "parameter", "value"])
        for config in configs:
            for parameter in parameters:
                writer.writerow([config.objective, parameter, f"{getattr(config, parameter):.6g}"])
        writer.writerows(others)


class NotEnoughHistory(ValueError):
    """No week is left that teaches before those that judge."""

    def __init__(self) -> None:
        super().__init__("not enough history to tune: no week is left that teaches; load more weeks")


def week_to_tune_for(warehouse: Path, test_weeks: int) -> int:
    """The week on whose eve parameters are searched: the first that a backtest looks at.

    A backtest measures its test weeks, and the week before the first of them chooses the threshold there.

    Parameters
    ----------
    warehouse
        DuckDB file with ``core.dim_weeks``.
    test_weeks
        How many test weeks the backtest covers, the regular build's included.

    Raises
    ------
    FileNotFoundError
        If there is no warehouse.
    NotEnoughHistory
        If nothing was bought before that week.
    """
    if not warehouse.exists():
        raise FileNotFoundError(f"{warehouse} does not exist: run `dbt build` first")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select week from core.dim_weeks where weeks_to_target = ?"
            " and week_index > (select min(week_index) from core.dim_weeks where lines > 0)",
            [-test_weeks - 1],
        ).fetchall()
    if not rows:
        raise NotEnoughHistory
    return rows[0][0]


def main() -> None:
    """Search beside the warehouse of the environment, and write the seed file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=25, help="trials of each booster, earlier ones included")
    parser.add_argument("--vars", type=json.loads, default={}, help="vars of the regular build, as JSON")
    arguments = parser.parse_args()
    retailer = arguments.vars.get("retailer", "complete_journey")
    warehouse = Path(os.environ.get("GROCERY_WAREHOUSE", f"warehouse/{retailer}.duckdb"))
    try:
        tune(warehouse, arguments.vars, arguments.trials)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


def tune(warehouse: Path, variables: dict[str, Any], trials: int) -> None:
    """Search, and write what is better to the seed file.

    Parameters
    ----------
    warehouse
        The built DuckDB file; the one that the search needs is made beside it.
    variables
        Vars of the regular build.
    trials
        Trials of each booster, those of earlier searches included.

    Raises
    ------
    FileNotFoundError
        If there is no warehouse.
    NotEnoughHistory
        If no week is left that teaches.
    """
    week = week_to_tune_for(warehouse, default_weeks(variables))
    beside = warehouse.with_name(f"{warehouse.stem}.tuning.duckdb")
    features = ("+training_features", "+candidate_features", "classifier_parameters")
    build(variables | {"target_week": week}, "--select", *features, *WITHOUT_TESTS, GROCERY_WAREHOUSE=str(beside))
    with duckdb.connect(str(beside), read_only=True) as connection:
        parameters = connection.sql("select objective, parameter, value from seeds.classifier_parameters").fetchall()
        teaching, judges = read_weeks(connection)
        present = [classifier.configured(config, parameters) for config in runs.MODELS]
        names = [study_name(connection, config, week, variables) for config in present]
    binned = classifier.bin_examples(teaching)
    group_sizes = judges.group_sizes()

    def predicted(config: ClassifierConfig) -> np.ndarray:
        return classifier.fit(binned, config).predict(judges.features)

    # Of the booster with its default parameters: trials stay comparable when a better one has been found.
    log_odds = logit(predicted(classifier.BINARY))
    value_of = {
        "binary": lambda config: -log_loss(judges.was_bought, predicted(config)),
        "lambdarank": lambda config: mean_ndcg(predicted(config) + log_odds, judges.was_bought, group_sizes),
    }
    chosen = []
    for config, name in zip(present, names, strict=True):
        print(name, flush=True)
        chosen.append(search(config, value_of[config.objective], trials, beside.with_suffix(".log"), name))
    write_parameters(chosen, list(SEARCHED), SEED_FILE)
    print(f"written: {SEED_FILE}")


def read_weeks(connection: Any) -> tuple[Examples, Examples]:
    """The weeks that teach, and the two that judge, with the same features.

    Parameters
    ----------
    connection
        To a warehouse with the features of its prediction weeks.

    Returns
    -------
    tuple of Examples
        Of the training weeks, sampled as ever; of the validation and test weeks, every candidate of a customer or none.

    Raises
    ------
    NotEnoughHistory
        If no week is left that teaches.
    ValueError
        If in the weeks that judge none of the candidates was bought, or all were.
    """
    weeks = connection.sql("select prediction_week, week_role from grid.prediction_weeks order by all").fetchall()
    training = [week for week, role in weeks if role == "train"]
    if not training:
        raise NotEnoughHistory
    examples_sql = ("from ml.training_examples", "from ml.training_features")
    features = ", ".join(runs.screened_sample(connection, examples_sql, training).feature_names)
    # One week at a time: only an equality is pushed through the left joins to all that is joined.
    taught = [
        f"select {', '.join(classifier.LABELS)}, {features} from ml.training_features where prediction_week = {week}"
        for week in training
    ]
    judged = []
    for week in (week for week, role in weeks if role in ("validation", "test")):
        ((pairs,),) = connection.sql(f"select count(*) from ml.candidates where prediction_week = {week}").fetchall()
        bought = f"select customer_id, product_id from grid.customer_item_weeks where week = {week}"
        judged.append(f"""
            select {", ".join(classifier.KEYS)}, (customer_id, product_id) in ({bought}) as was_bought,
                cast(1 as float) as example_weight, {features}
            from features.candidate_features
            where prediction_week = {week} and {customer_sample(pairs, JUDGING_PAIRS)}
        """)
    judges = _examples(connection, judged)
    if judges.was_bought.all() or not judges.was_bought.any():
        raise ValueError("the two weeks that judge hold no purchases of candidates, or nothing else: load more weeks")
    return _examples(connection, taught), judges


def _examples(connection: Any, queries: list[str]) -> Examples:
    rows = pa.concat_tables([connection.sql(query).to_arrow_table() for query in queries])
    return classifier.examples_from_rows(rows)


if __name__ == "__main__":
    main()
