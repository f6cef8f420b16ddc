"""The search for parameters, on values that are known."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import PROJECT
from grocery_recommender import backtest, classifier, run_variables, tune
from grocery_recommender.classifier import ClassifierConfig, Examples
from scipy.special import logit

PRESENT = replace(classifier.LAMBDARANK, learning_rate=0.1, num_leaves=31)


def closeness(config: ClassifierConfig) -> float:
    """Best at a learning rate of .05."""
    return -abs(np.log(config.learning_rate / 0.05))


def test_a_search_finds_better_parameters_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    tried: list[float] = []

    def value_of(config: ClassifierConfig) -> float:
        tried.append(config.learning_rate)
        return closeness(config)

    first = tune.search(PRESENT, value_of, 5, tmp_path / "tuning.log", "study")
    assert (len(tried), tried[0]) == (5, 0.1)
    best = tune.search(PRESENT, value_of, 20, tmp_path / "tuning.log", "study")
    assert len(tried) == len(set(tried)) == 20
    assert closeness(best) >= closeness(first) >= closeness(PRESENT)
    assert closeness(best) > closeness(PRESENT)
    assert tune.search(PRESENT, value_of, 20, tmp_path / "tuning.log", "study") == best
    assert len(tried) == 20


def test_nothing_better_leaves_the_present_parameters(tmp_path: Path) -> None:
    best = tune.search(PRESENT, lambda config: float(config == PRESENT), 5, tmp_path / "tuning.log", "study")
    assert best == PRESENT


def test_a_search_goes_on_after_a_line_that_a_full_disk_cut_short(tmp_path: Path) -> None:
    journal = tmp_path / "tuning.log"
    tune.search(PRESENT, closeness, 3, journal, "study")
    journal.write_bytes(journal.read_bytes()[:-20])
    best = tune.search(PRESENT, closeness, 6, journal, "study")
    assert tune.search(PRESENT, closeness, 6, journal, "study") == best


# Optuna writes down that Ctrl-C was pressed; of what it does not catch, as of a kill, it knows nothing.
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_a_search_that_is_broken_off_still_tries_the_present_parameters(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    def broken_off(config: ClassifierConfig) -> float:
        raise interruption

    tried: list[ClassifierConfig] = []

    def value_of(config: ClassifierConfig) -> float:
        tried.append(config)
        return float(config == PRESENT)

    with pytest.raises(interruption):
        tune.search(PRESENT, broken_off, 5, tmp_path / "tuning.log", "study")
    assert tune.search(PRESENT, value_of, 5, tmp_path / "tuning.log", "study") == PRESENT
    assert (len(tried), tried[0]) == (5, PRESENT)


def test_other_present_parameters_are_tried_after_all_trials(tmp_path: Path) -> None:
    other = replace(PRESENT, learning_rate=0.05)
    found = tune.search(PRESENT, closeness, 5, tmp_path / "tuning.log", "study")
    assert closeness(found) < 0
    assert tune.search(other, closeness, 5, tmp_path / "tuning.log", "study") == other


@pytest.fixture
def tuning_warehouse(monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A week that teaches, two that judge, and the one that is not looked at."""
    monkeypatch.chdir(PROJECT)
    with duckdb.connect() as connection:
        connection.execute(
            "create schema grid; create table grid.prediction_weeks as select * from (values"
            " (5, 'train', 'old', 'old'), (6, 'validation', 'old', 'old'), (7, 'test', 'old', 'old'),"
            " (8, 'score', 'old', 'old')) as weeks(prediction_week, week_role, build_fingerprint, example_fingerprint)"
        )
        yield connection


@pytest.fixture
def past_warehouse(tmp_path: Path) -> Path:
    """A warehouse of weeks 30 to 49 and a calendar that began before: the next week is 50."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            create schema core;
            create table core.dim_weeks as
            select week, week as week_index, week - 50 as weeks_to_target, if(week between 30 and 49, 9, 0) as lines
            from range(20, 54) as weeks(week)
        """)
    return path


@pytest.mark.parametrize("test_weeks", [2, backtest.WEEKS, 8])
def test_no_week_that_judges_is_looked_at_by_a_backtest(past_warehouse: Path, test_weeks: int) -> None:
    targets = [*backtest.past_target_weeks(past_warehouse, test_weeks), 50]
    tested, choosing = ({target - back for target in targets} for back in (1, 2))
    week = tune.week_to_tune_for(past_warehouse, test_weeks)
    judging = {week - 1, week - 2}
    assert len(tested) == test_weeks
    assert not judging & (tested | choosing)
    assert max(judging) + 1 == min(choosing)  # none between them lies idle


@pytest.mark.parametrize("test_weeks", [19, 40])
def test_before_the_first_purchases_nothing_is_tuned(past_warehouse: Path, test_weeks: int) -> None:
    assert tune.week_to_tune_for(past_warehouse, 18) == 31
    with pytest.raises(tune.NotEnoughHistory, match="load more weeks"):
        tune.week_to_tune_for(past_warehouse, test_weeks)


def test_the_command_says_what_is_missing(
    past_warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "argv", ["tune"])
    monkeypatch.setattr(tune, "default_weeks", lambda _: 40)
    monkeypatch.setattr(tune, "build", lambda *_, **__: pytest.fail("nothing is there to build"))
    for warehouse, message in ((past_warehouse, "not enough history"), (tmp_path / "none", "run `dbt build` first")):
        monkeypatch.setenv("GROCERY_WAREHOUSE", str(warehouse))
        with pytest.raises(SystemExit, match=message):
            tune.main()


def test_too_few_weeks_to_teach_are_said(tuning_warehouse: duckdb.DuckDBPyConnection) -> None:
    tuning_warehouse.execute("delete from grid.prediction_weeks where week_role = 'train'")
    with pytest.raises(tune.NotEnoughHistory):
        tune.read_weeks(tuning_warehouse)


@pytest.mark.parametrize(
    ("week", "column"), [(week, column) for week in (5, 7) for column in ("build_fingerprint", "example_fingerprint")]
)
def test_other_data_make_another_study(tuning_warehouse: duckdb.DuckDBPyConnection, week: int, column: str) -> None:
    def name() -> str:
        return tune.study_name(tuning_warehouse, PRESENT, 8, {})

    before = name()
    tuning_warehouse.execute(f"update grid.prediction_weeks set {column} = 'new' where prediction_week = 8")
    assert name() == before
    tuning_warehouse.execute(f"update grid.prediction_weeks set {column} = 'new' where prediction_week = {week}")
    assert name() != before


def test_other_code_vars_and_libraries_make_another_study(
    tuning_warehouse: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def name(config: ClassifierConfig = PRESENT, **variables: object) -> str:
        return tune.study_name(tuning_warehouse, config, 8, variables)

    before = name()
    assert name(replace(PRESENT, num_leaves=63), flyer_items_per_customer=10) == before
    others = [name(replace(PRESENT, seed=1)), name(observation_weeks=26)]
    with monkeypatch.context() as patched:
        patched.setattr(tune, "LEARNING_CODE", ())
        others.append(name())
    monkeypatch.setattr(run_variables, "version", lambda library: "0" if library == "lightgbm" else "1")
    others.append(name())
    assert len({before, *others}) == 5


def test_ndcg_by_hand() -> None:
    """First list: the one purchase is second of three. Second list: no purchase. Third list: both on top."""
    scores = np.array([3.0, 2.0, 1.0, 5.0, 9.0, 8.0, 1.0])
    was_bought = np.array([False, True, False, False, True, True, False])
    expected = (1 / np.log2(3) + 1) / 2
    assert tune.mean_ndcg(scores, was_bought, np.array([3, 1, 3])) == pytest.approx(expected)
    assert tune.mean_ndcg(scores, was_bought, np.array([3, 1, 3]), cutoff=1) == pytest.approx(0.5)


def test_what_is_written_is_what_a_build_reads_and_other_rows_stay(tmp_path: Path) -> None:
    path = tmp_path / "classifier_parameters.csv"
    path.write_text("objective,parameter,value\nbinary,seed,20060411\nbinary,num_boost_round,7\n")
    configs = [replace(classifier.BINARY, learning_rate=0.0625), replace(PRESENT, num_boost_round=90)]
    tune.write_parameters(configs, ["learning_rate", "num_boost_round"], path)
    with path.open() as file:
        rows = [(row["objective"], row["parameter"], float(row["value"])) for row in csv.DictReader(file)]
    assert rows == [
        ("binary", "learning_rate", 0.0625),
        ("binary", "num_boost_round", classifier.BINARY.num_boost_round),
        ("lambdarank", "learning_rate", 0.1),
        ("lambdarank", "num_boost_round", 90),
        ("binary", "seed", 20060411),
    ]
    assert classifier.configured(classifier.LAMBDARANK, rows).num_boost_round == 90


def test_the_search_judges_by_log_loss_and_by_the_order_of_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a warehouse of its own, as of the week to tune for, from the parameters of the seed on."""
    monkeypatch.chdir(PROJECT)
    random = np.random.default_rng(1)
    signal = random.normal(size=(2000, 1)).astype(np.float32)
    bought = random.random(2000) < 1 / (1 + np.exp(2 - 2 * signal[:, 0]))
    customers, ones = np.arange(2000) // 20, np.ones(2000, np.float32)
    teaching, judges = (
        Examples(signal[part], ["signal"], bought[part], ones[part], np.full(1000, week), customers[part])
        for week, part in enumerate((slice(0, 1000), slice(1000, 2000)))
    )
    built: list[tuple[dict, str]] = []

    def build(variables: dict, *_: str, **environment: str) -> None:
        built.append((variables, environment["GROCERY_WAREHOUSE"]))
        with duckdb.connect(environment["GROCERY_WAREHOUSE"]) as connection:
            connection.execute(
                "create schema seeds; create schema grid; create table seeds.classifier_parameters as"
                " select 'binary' as objective, 'num_leaves' as parameter, 15.0 as value;"
                " create table grid.prediction_weeks as select 5 as prediction_week, 'train' as week_role,"
                " '' as build_fingerprint, '' as example_fingerprint"
            )

    values: dict[str, list[float]] = {}
    searched: dict[str, tuple[ClassifierConfig, Path]] = {}
    small = {"feature_fraction": 1.0, "min_data_in_leaf": 20}

    def search(
        config: ClassifierConfig, value_of: Callable[[ClassifierConfig], float], _: int, storage: Path, __: str
    ) -> ClassifierConfig:
        searched[config.objective] = config, storage
        values[config.objective] = [value_of(replace(config, num_boost_round=rounds, **small)) for rounds in (1, 40)]
        return config

    ordered_by: list[np.ndarray] = []
    mean_ndcg = tune.mean_ndcg
    for name, stand_in in {
        "build": build,
        "week_to_tune_for": lambda *_: 30,
        "read_weeks": lambda _: (teaching, judges),
        "search": search,
        "write_parameters": lambda *_: None,
        "mean_ndcg": lambda scores, *rest: ordered_by.append(scores) or mean_ndcg(scores, *rest),
    }.items():
        monkeypatch.setattr(tune, name, stand_in)
    tune.tune(tmp_path / "shop.duckdb", {"retailer": "mine"}, 5)
    assert built == [({"retailer": "mine", "target_week": 30}, str(tmp_path / "shop.tuning.duckdb"))]
    assert searched["binary"][0].num_leaves == 15
    assert {storage.name for _, storage in searched.values()} == {"shop.tuning.log"}
    assert values["binary"][0] < values["binary"][1] < 0
    binned = classifier.bin_examples(teaching)
    ranker = replace(searched["lambdarank"][0], num_boost_round=1, **small)
    scores = classifier.fit(binned, ranker).predict(judges.features)
    log_odds = logit(classifier.fit(binned, classifier.BINARY).predict(judges.features))
    np.testing.assert_allclose(ordered_by[0], scores + log_odds, atol=1e-6)
