"""``python -m grocery_recommender.tune``: search the parameters of the boosters on weeks that no evaluation looks at.

Of the training weeks in the warehouse, the last two judge and the others teach; the validation and test weeks are not
read. The binary booster is judged by its log loss, LambdaRank by NDCG@10. What is better than the present parameters is
written to ``seeds/classifier_parameters.csv``, which the next build reads. A search that is broken off goes on where it
stopped.

References
----------
Akiba et al.: Optuna (2019); the sampler is the tree-structured Parzen estimator of Bergstra et al. (2011).
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import optuna
import pyarrow as pa
from sklearn.metrics import log_loss

from grocery_recommender import classifier
from grocery_recommender.classifier import ClassifierConfig, Examples

SEED_FILE = Path("seeds/classifier_parameters.csv")
JUDGING_WEEKS = 2
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


def judge(config: ClassifierConfig, examples: Examples, judges: Examples) -> float:
    """How good a booster with these parameters is on the judging weeks; higher is better."""
    booster = classifier.fit(classifier.bin_examples(examples), config)
    predicted = booster.predict(judges.features)
    if config.objective == "lambdarank":
        return mean_ndcg(predicted, judges.was_bought, judges.group_sizes())
    return -log_loss(judges.was_bought, predicted, sample_weight=judges.weights)


def search(
    config: ClassifierConfig, value_of: Callable[[ClassifierConfig], float], trials: int, storage: Path, name: str
) -> ClassifierConfig:
    """The best parameters after so many trials, those of earlier searches of the same name included.

    Parameters
    ----------
    config
        The present parameters; they are the first trial, and what is given back where nothing is better.
    value_of
        What is maximized.
    trials
        Trials in all.
    storage
        File that keeps them.
    name
        Trials are comparable, and go on, under the same name.
    """
    backend = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(storage)))
    study = optuna.create_study(
        study_name=name,
        storage=backend,
        sampler=optuna.samplers.TPESampler(seed=SAMPLER_SEED),
        direction="maximize",
        load_if_exists=True,
    )
    finished = sum(trial.state.is_finished() for trial in study.trials)
    if not finished:
        study.enqueue_trial({name: getattr(config, name) for name in SEARCHED}, skip_if_exists=True)
    remaining = max(trials - finished, 0)
    if remaining:
        study.optimize(lambda trial: value_of(suggest(trial, config)), n_trials=remaining, show_progress_bar=True)
    return replace(config, **study.best_params)


def write_parameters(configs: list[ClassifierConfig], parameters: list[str], path: Path) -> None:
    """Write the seed file: the values of some parameters of each config."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["objective", "parameter", "value"])
        for config in configs:
            for parameter in parameters:
                writer.writerow([config.objective, parameter, f"{getattr(config, parameter):.6g}"])


def main() -> None:
    """Search on the warehouse of the environment, and write the seed file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=25, help="trials of each booster, earlier ones included")
    parser.add_argument("--retailer", default="complete_journey")
    arguments = parser.parse_args()
    warehouse = Path(os.environ.get("GROCERY_WAREHOUSE", f"warehouse/{arguments.retailer}.duckdb"))
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        weeks = connection.sql(
            "select prediction_week from grid.prediction_weeks where week_role = 'train' order by prediction_week_index"
        ).fetchall()
        parameters = connection.sql("select objective, parameter, value from seeds.classifier_parameters").fetchall()
        examples = _read(connection, [week for (week,) in weeks])
    teaching, judging = [week for (week,) in weeks[:-JUDGING_WEEKS]], [week for (week,) in weeks[-JUDGING_WEEKS:]]
    learnt_from, judges = examples.of_weeks(teaching), examples.of_weeks(judging)
    chosen = []
    for default in (classifier.BINARY, classifier.LAMBDARANK):
        present = classifier.configured(default, parameters)
        name = f"{present.objective}, weeks {teaching[0]} to {teaching[-1]} judged by {judging[0]} to {judging[-1]}"
        print(name, flush=True)
        best = search(
            present,
            lambda config: judge(config, learnt_from, judges),
            arguments.trials,
            warehouse.with_name(f"{warehouse.stem}.tuning.log"),
            name,
        )
        chosen.append(best)
    write_parameters(chosen, list(SEARCHED), SEED_FILE)
    print(f"written: {SEED_FILE}")


def _read(connection: Any, weeks: list[int]) -> Examples:
    """Examples of some weeks, with the features of the oldest run in use: it saw the fewest later weeks."""
    (names,) = connection.sql(
        "select feature_names from ml.classifier_runs where is_in_use order by target_week limit 1"
    ).fetchall()[0]
    columns = ", ".join((*classifier.LABELS, *names))
    parts = [
        connection.sql(f"select {columns} from ml.training_features where prediction_week = {week}").to_arrow_table()
        for week in weeks
    ]
    return classifier.examples_from_rows(pa.concat_tables(parts))


if __name__ == "__main__":
    main()
