"""Which runs score a week, when they are fitted, and what tuning may set."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import duckdb
import pytest
from conftest import Relation
from grocery_recommender import classifier, network, runs
from grocery_recommender.prediction_weeks import PredictionWeek

ROLES = ("train", "train", "train", "validation", "test", "score")
TRAINING_WEEKS = 2


def prediction_weeks(every: int = 1, latest: int = 7) -> list[PredictionWeek]:
    """Six weeks up to the latest one, of which each that is scored has runs of its own or of a week before."""
    weeks = range(latest - 5, latest + 1)
    fitted_for = [None if role == "train" else week - week % every for week, role in zip(weeks, ROLES, strict=True)]
    return [
        PredictionWeek(week, week, role, 1, week - 1, fitted_for_week, f"w{week}", "", TRAINING_WEEKS)
        for week, role, fitted_for_week in zip(weeks, ROLES, fitted_for, strict=True)
    ]


def corrected(changed: int) -> list[PredictionWeek]:
    """The same weeks, of which one has other examples."""
    weeks = prediction_weeks()
    return [replace(week, example_fingerprint="new") if week.prediction_week == changed else week for week in weeks]


class Shop:
    """A hundred examples in each week, and the table of runs as builds leave it."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.connection.execute(
            "create table examples as select cast(week as int) as prediction_week, 'c' || n // 10 as customer_id,"
            " 'p' || n as product_id, n % 3 = 0 as was_bought, 1::float as example_weight,"
            " cast(n % 3 + week as float) as signal, cast(n % 7 as float) as known_offer_share"
            " from range(100) as pairs(n) cross join range(1, 9) as weeks(week)"
        )

    def build(self, weeks: list[PredictionWeek], parameters: list[tuple[str, str, float]] = ()) -> list[dict]:
        dbt = SimpleNamespace(this=Relation("runs"))
        table = runs.fit_runs(dbt, self.connection, weeks, ("select * from examples",) * 2, parameters)
        self.connection.register("rows", table)
        self.connection.execute("create or replace table runs as from rows")
        return table.to_pylist()

    def scorers(self, weeks: list[PredictionWeek]) -> list[str]:
        scored = [week for week in weeks if week.fitted_for_week]
        return [runs.load_scorer(self.connection, "select * from runs", week).run_ids["binary"] for week in scored]


def texts(rows: list[dict]) -> dict[str, str]:
    """The boosters in use."""
    return {row["model_run_id"]: row["model_text"] for row in rows if row["is_in_use"]}


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(runs, "is_full_refresh", lambda: False)
    small = [replace(config, num_boost_round=2, min_data_in_leaf=1) for config in runs.MODELS]
    monkeypatch.setattr(runs, "MODELS", small)
    return Shop()


def in_use(rows: list[dict]) -> dict[int, str]:
    """The training weeks of the binary run of each week."""
    return {
        row["target_week"]: row["training_weeks"] for row in rows if row["is_in_use"] if row["objective"] == "binary"
    }


def test_each_week_is_scored_by_runs_that_learnt_from_the_weeks_before(shop: Shop) -> None:
    assert in_use(shop.build(prediction_weeks())) == {5: "[3, 4]", 6: "[4, 5]", 7: "[5, 6]"}
    assert [run.split("-")[0] for run in shop.scorers(prediction_weeks())] == ["5", "6", "7"]


def test_each_week_says_how_many_weeks_its_runs_learn_from(shop: Shop) -> None:
    weeks = prediction_weeks()
    weeks[-1] = replace(weeks[-1], training_weeks=4)
    assert in_use(shop.build(weeks)) == {5: "[3, 4]", 6: "[4, 5]", 7: "[3, 4, 5, 6]"}


def test_nothing_is_learnt_from_offers_for_a_week_whose_offers_nobody_knows(shop: Shop) -> None:
    """Once they are announced the week gets other models; the weeks before keep theirs."""
    announced = prediction_weeks()
    unknown = [*announced[:-1], replace(announced[-1], has_known_offers=False)]
    rows = shop.build(unknown)
    with_offers = {row["target_week"]: "known_offer_share" in row["feature_names"] for row in rows}
    assert with_offers == {5: True, 6: True, 7: False}
    before = shop.scorers(unknown)
    shop.build(announced)
    after = shop.scorers(announced)
    assert [run == then for run, then in zip(before, after, strict=True)] == [True, True, False]


def test_another_week_costs_one_fit_and_leaves_what_a_build_from_nothing_would(shop: Shop) -> None:
    first = shop.build(prediction_weeks(latest=7))
    second = shop.build(prediction_weeks(latest=8))
    assert {row["target_week"] for row in second[len(first) :]} == {8}
    assert [row | {"is_in_use": None} for row in second[: len(first)]] == [row | {"is_in_use": None} for row in first]
    from_nothing = Shop().build(prediction_weeks(latest=8))
    texts = [
        {row["model_run_id"]: row["model_text"] for row in rows if row["is_in_use"]} for rows in (second, from_nothing)
    ]
    assert len(texts[0]) == 9
    assert texts[0] == texts[1]


def test_boosters_score_until_the_next_are_due(shop: Shop) -> None:
    rows = shop.build(prediction_weeks(every=3, latest=7))
    assert in_use(rows) == {3: "[2]", 6: "[4, 5]"}
    assert [run.split("-")[0] for run in shop.scorers(prediction_weeks(every=3))] == ["3", "6", "6"]
    assert len(shop.build(prediction_weeks(every=3, latest=8))) == len(rows)


def test_what_is_stored_and_fits_is_used_again(shop: Shop) -> None:
    shop.build(prediction_weeks())
    before = shop.scorers(prediction_weeks())
    other = [("binary", "num_leaves", 15.0)]
    assert len(shop.build(prediction_weeks(), other)) == 12  # Only the binary runs depend on such a parameter
    assert not set(before) & set(shop.scorers(prediction_weeks()))
    assert len(shop.build(prediction_weeks())) == 12
    assert shop.scorers(prediction_weeks()) == before


def test_runs_that_another_release_stored_with_other_columns_stay(shop: Shop) -> None:
    before = shop.build(prediction_weeks(latest=7))
    shop.connection.execute("alter table runs rename column is_in_use to purpose")
    after = shop.build(prediction_weeks(latest=8))
    assert {row["model_run_id"] for row in before} < {row["model_run_id"] for row in after}
    shop.connection.execute("create or replace table runs as select 1 as something")
    assert len(shop.build(prediction_weeks(latest=8))) == 9


def test_the_network_of_a_large_shop_has_hidden_layers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    week = prediction_weeks()[-1]
    shop.build(prediction_weeks())
    of_small_shop = runs.load_scorer(shop.connection, "select * from runs", week)
    shop.connection.execute("drop table runs")
    monkeypatch.setattr(network, "MINIMUM_EXAMPLES", 200)
    monkeypatch.setattr(runs, "NETWORK", replace(runs.NETWORK, hidden_layers=(4,), steps=10))
    rows = shop.build(prediction_weeks())
    assert [row["objective"] for row in rows if row["target_week"] == 7] == ["network", "binary", "lambdarank"]
    assert all(row["is_in_use"] for row in rows)
    assert shop.build(prediction_weeks()) == rows
    of_large_shop = runs.load_scorer(shop.connection, "select * from runs", week)
    assert (len(of_small_shop.network.layers), len(of_large_shop.network.layers)) == (1, 2)
    assert of_small_shop.fingerprint(week) != of_large_shop.fingerprint(week)


def test_purchases_that_change_are_learnt_from_again(shop: Shop) -> None:
    before = {row["model_run_id"] for row in shop.build(prediction_weeks())}
    fitted = {row["model_run_id"] for row in shop.build(corrected(5))} - before
    assert {run.split("-")[0] for run in fitted} == {"6", "7"}


def test_what_the_target_week_alone_knows_costs_no_fit(shop: Shop) -> None:
    before = shop.build(prediction_weeks())
    assert shop.build(corrected(7)) == before


def test_too_short_a_history_says_so(shop: Shop) -> None:
    with pytest.raises(ValueError, match="3 prediction weeks are possible, at least 4 are needed"):
        shop.build(prediction_weeks()[3:])


def test_parameters_keep_their_types() -> None:
    rows = [("binary", "num_leaves", 15.0), ("binary", "learning_rate", 0.05), ("lambdarank", "num_leaves", 63.0)]
    binary = classifier.configured(classifier.BINARY, rows)
    assert (binary.num_leaves, binary.learning_rate) == (15, 0.05)
    assert isinstance(binary.num_leaves, int)
    assert classifier.configured(classifier.LAMBDARANK, rows).num_leaves == 63


@pytest.mark.parametrize("parameter", ["nonsense", "objective", "lightgbm_parameters", "max_bin"])
def test_unknown_parameters_are_named(parameter: str) -> None:
    with pytest.raises(ValueError, match=parameter):
        classifier.configured(classifier.BINARY, [("binary", parameter, 1.0)])


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(ValueError, match="'binray' is none of binary, lambdarank"):
        classifier.configured(classifier.BINARY, [("binray", "num_leaves", 15.0)])


def test_what_is_right_of_a_join_is_kept_in_memory() -> None:
    connection = duckdb.connect()
    connection.execute(
        "create table examples as select n as k from range(10000) as numbers(n);"
        "create table features as select n % 10000 as k, n as feature from range(1000000) as numbers(n)"
    )
    query = "explain (format json) select * from examples left join features using (k)"

    def keeps_the_examples() -> bool:
        return "RIGHT" in connection.execute(query).fetchall()[0][1]

    assert keeps_the_examples()
    with runs._joined_as_written(connection):
        assert not keeps_the_examples()
    assert keeps_the_examples()


def test_stored_examples_are_joined_as_written(shop: Shop) -> None:
    is_off = "(current_setting('disabled_optimizers') = 'build_side_probe_side')::float"
    features = f"select * replace ({is_off} as signal) from examples"
    passed_by: list[classifier.Examples] = []
    stored = runs._stored_examples(
        shop.connection, ("select * from examples", features), 3, ["signal"], passed_by.append
    )
    assert stored.features[0:100].tolist() == [[1.0]] * 100
    assert [examples.features.tolist() for examples in passed_by] == [[[1.0]] * 100]


def test_nothing_is_learnt_from_what_the_earliest_week_cannot_know(shop: Shop) -> None:
    """It would tell the later weeks apart: how much was bought in them, and not what."""
    shop.connection.execute("alter table examples add column year_ago_trend float")
    shop.connection.execute("update examples set year_ago_trend = was_bought where prediction_week >= 5")
    learnt_from = {row["target_week"]: row["feature_names"] for row in shop.build(prediction_weeks())}
    assert {week: "year_ago_trend" in names for week, names in learnt_from.items()} == {5: False, 6: False, 7: True}


@pytest.mark.parametrize("emptied", ["update examples set was_bought = false", "delete from examples"])
def test_a_latest_training_week_without_purchases_stops_nothing(shop: Shop, emptied: str) -> None:
    shop.connection.execute(f"{emptied} where prediction_week = 6")
    assert in_use(shop.build(prediction_weeks()))[7] == "[5, 6]"


def test_other_code_fits_all_runs_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {row["model_run_id"] for row in shop.build(prediction_weeks())}
    monkeypatch.setattr(runs, "run_variables", lambda folder: {"learning_code_version": "other"})
    assert not before & texts(shop.build(prediction_weeks())).keys()


def test_a_full_refresh_fits_what_is_stored_once_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.build(prediction_weeks())
    monkeypatch.setattr(runs, "is_full_refresh", lambda: True)
    again = shop.build(prediction_weeks())
    assert all(row["fitted_at"] > before["fitted_at"] for row, before in zip(again, first, strict=True))


def test_features_are_screened_by_some_examples_of_the_latest_week(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SCREENING_EXAMPLES", 30)
    sample = runs.screened_sample(shop.connection, ("select * from examples",) * 2, [5, 6])
    assert 0 < len(sample.weights) < 100
    assert set(sample.weeks) == {6}


def test_only_the_features_that_gain_most_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "SCREENED_FEATURES", 1)
    assert {tuple(row["feature_names"]) for row in shop.build(prediction_weeks())} == {("signal",)}
