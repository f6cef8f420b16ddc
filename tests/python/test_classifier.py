"""The classifier: what it learns, how it is stored, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import pytest
from conftest import undecided_network
from grocery_recommender import classifier, scoring

ROWS_PER_WEEK = 1500
BINARY = replace(classifier.BINARY, num_boost_round=40, feature_fraction=1.0, min_data_in_leaf=20)
LAMBDARANK = replace(classifier.LAMBDARANK, num_boost_round=40, feature_fraction=1.0, min_data_in_leaf=20)


def example_table(weeks: tuple[int, ...] = (1, 2, 3)) -> pa.Table:
    """Pairs whose chance to be bought rises with `signal`; every fourth negative stands for four."""
    random = np.random.default_rng(1)
    size = ROWS_PER_WEEK * len(weeks)
    signal = random.normal(size=size)
    bought = random.random(size) < 1 / (1 + np.exp(2 - 2 * signal))
    return pa.table(
        {
            "prediction_week": pa.array(np.repeat(weeks, ROWS_PER_WEEK).astype(np.int32)),
            "customer_id": [f"c{i % ROWS_PER_WEEK // 15:03}" for i in range(size)],
            "product_id": [f"p{i:05}" for i in range(size)],
            "candidate_source": ["repeat"] * size,
            "signal": pa.array(signal.astype(np.float32)),
            "noise": pa.array(random.normal(size=size).astype(np.float32), mask=random.random(size) < 0.1),
            "was_bought": bought,
            "example_weight": pa.array(np.where(bought, 1, 4).astype(np.float32)),
        }
    )


def examples(weeks: tuple[int, ...] = (1, 2, 3)) -> classifier.Examples:
    return classifier.examples_from_rows(example_table(weeks))


def of_weeks(data: classifier.Examples, weeks: list[int]) -> classifier.Examples:
    rows = np.isin(data.weeks, weeks)
    return replace(
        data,
        features=data.features[rows],
        was_bought=data.was_bought[rows],
        weights=data.weights[rows],
        weeks=data.weeks[rows],
        customers=data.customers[rows],
    )


def fit(data: classifier.Examples, config: classifier.ClassifierConfig) -> lightgbm.Booster:
    return classifier.fit(classifier.bin_examples(data), config)


def test_examples_arrive_whole_and_in_order() -> None:
    table, read = example_table(), examples()
    assert read.feature_names == ["signal", "noise"]
    np.testing.assert_array_equal(read.features[:, 0], table["signal"].to_numpy())
    assert np.isnan(read.features[:, 1]).sum() == table["noise"].null_count > 0
    assert set(read.group_sizes()) == {15}
    assert read.group_sizes().sum() == table.num_rows


def test_the_order_of_the_rows_does_not_matter() -> None:
    table = example_table()
    shuffled = table.take(pa.array(np.random.default_rng(2).permutation(table.num_rows)))
    in_batches = pa.Table.from_batches(shuffled.to_batches(max_chunksize=700))
    read, again = classifier.examples_from_rows(table), classifier.examples_from_rows(in_batches)
    np.testing.assert_array_equal(again.features, read.features)
    np.testing.assert_array_equal(again.group_sizes(), read.group_sizes())


def test_no_examples_are_an_error() -> None:
    with pytest.raises(ValueError, match="no training examples"):
        classifier.bin_examples(classifier.examples_from_rows(example_table().slice(0, 0)))


def test_probabilities_are_those_of_the_weighted_grid() -> None:
    data = examples()
    booster = fit(of_weeks(data, [1, 2]), BINARY)
    expected = np.average(data.was_bought, weights=data.weights)
    predicted = np.average(booster.predict(data.features), weights=data.weights)
    assert predicted == pytest.approx(expected, rel=0.1)


def test_a_booster_has_as_many_trees_as_its_config_says() -> None:
    assert fit(examples(), replace(BINARY, num_boost_round=7)).num_trees() == 7


@pytest.mark.parametrize("config", [BINARY, LAMBDARANK], ids=lambda config: config.objective)
def test_the_same_input_gives_the_same_text(config: classifier.ClassifierConfig) -> None:
    data = examples()
    texts = {fit(of_weeks(data, [1, 2]), config).model_to_string() for _ in range(2)}
    assert len(texts) == 1


def test_a_stored_booster_scores_like_the_fitted_one() -> None:
    data, table = examples(), example_table()
    binary = fit(data, BINARY)
    ranker = fit(data, LAMBDARANK)
    again = [lightgbm.Booster(model_str=booster.model_to_string()) for booster in (binary, ranker)]
    undecided = undecided_network(data.features.shape[1])
    scored = pa.Table.from_batches(scoring.score_batches(table.to_reader(max_chunksize=700), *again, undecided))
    log_odds = (1 - scoring.NETWORK_WEIGHT) * binary.predict(data.features, raw_score=True)
    probabilities = 1 / (1 + np.exp(-log_odds))
    np.testing.assert_allclose(scored["purchase_probability"].to_numpy(), probabilities, rtol=1e-12)
    blended = ranker.predict(data.features) + log_odds
    assert probabilities.min() >= scoring.RANKING_FLOOR
    np.testing.assert_allclose(scored["ranking_score"].to_numpy(), blended, rtol=1e-9)
    assert scored["product_id"].equals(table["product_id"])


def test_the_ranker_puts_purchases_first() -> None:
    data = examples()
    ranker = fit(of_weeks(data, [1, 2]), LAMBDARANK)
    held_out = of_weeks(data, [3])
    scores = ranker.predict(held_out.features).reshape(-1, 15)
    bought = held_out.was_bought.reshape(-1, 15)
    first = bought[np.arange(len(bought)), scores.argmax(axis=1)].mean()
    assert first > 2 * bought.mean()


@pytest.mark.parametrize(("before", "after"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7")], ids=["unset", "set"])
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(before: dict[str, str], after: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment |= {"PYTHONPATH": str(Path(classifier.__file__).parents[1])} | before
    code = "import grocery_recommender, os; print(os.environ['GOMP_SPINCOUNT'])"
    seen = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == after


def test_nothing_to_tell_apart_is_an_error() -> None:
    data = examples()
    nothing_bought = replace(data, was_bought=np.zeros_like(data.was_bought))
    with pytest.raises(ValueError, match="no purchases to learn from"):
        classifier.bin_examples(nothing_bought)


def test_boosters_share_bins_but_not_weights() -> None:
    data = examples()
    shared = classifier.bin_examples(data)
    alone = {config.objective: fit(data, config).model_to_string() for config in (BINARY, LAMBDARANK)}
    for config in (LAMBDARANK, BINARY, LAMBDARANK):
        booster = classifier.fit(shared, config)
        assert booster.model_to_string() == alone[config.objective]


@pytest.mark.parametrize("config", [BINARY, LAMBDARANK], ids=lambda config: config.objective)
def test_weeks_one_by_one_teach_what_they_teach_together(config: classifier.ClassifierConfig) -> None:
    data = examples()
    nothing = classifier.examples_from_rows(example_table().slice(0, 0))
    one_by_one = classifier.bin_examples(of_weeks(data, [1]), nothing, of_weeks(data, [2]), of_weeks(data, [3]))
    assert classifier.fit(one_by_one, config).model_to_string() == fit(data, config).model_to_string()


@pytest.mark.parametrize("config", [BINARY, LAMBDARANK], ids=lambda config: config.objective)
def test_stored_examples_are_read_once_and_teach_the_same(config: classifier.ClassifierConfig) -> None:
    data, reads = examples(), []
    features = classifier.StoredFeatures(len(data.weights), lambda: reads.append("read") or data.features)
    binned = classifier.bin_examples(replace(data, features=features), like=data)
    assert classifier.fit(binned, config).model_to_string() == fit(data, config).model_to_string()
    assert reads == ["read"]


def test_features_of_other_examples_are_an_error() -> None:
    data = examples()
    features = classifier.StoredFeatures(len(data.weights), lambda: data.features[1:])
    with pytest.raises(ValueError, match="4500 examples have 4499 rows of features"):
        classifier.bin_examples(replace(data, features=features), like=data)


def test_screening_puts_first_what_tells_purchases_apart() -> None:
    data = examples()
    assert classifier.rank_features(data.of_features(["noise", "signal"])) == ["signal", "noise"]


def test_every_parameter_that_can_be_set_suits_the_bins() -> None:
    binned = classifier.bin_examples(examples((1,)))
    numbers = [name for name, value in asdict(BINARY).items() if isinstance(value, (int, float))]
    for name in set(numbers) - {"max_bin"}:
        config = classifier.configured(
            replace(BINARY, num_boost_round=2), [("binary", name, getattr(BINARY, name) / 2)]
        )
        assert classifier.fit(binned, config).num_trees()


def test_a_list_that_is_too_long_for_lightgbm_is_cut() -> None:
    rows = classifier.LONGEST_LIST + 1
    numbers = np.arange(rows, dtype=np.float32)
    data = classifier.Examples(
        numbers[:, None], ["number"], numbers % 3 == 0, np.ones_like(numbers), np.ones(rows, int), np.ones(rows, int)
    )
    assert data.group_sizes().sum() == rows
    assert fit(data, replace(LAMBDARANK, num_boost_round=1)).num_trees() == 1


def test_pairs_below_the_ranking_floor_come_last_in_the_order_of_their_probability(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = examples()
    monkeypatch.setattr(scoring, "RANKING_FLOOR", 0.3)
    batches = scoring.score_batches(
        example_table().to_reader(), fit(data, BINARY), fit(data, LAMBDARANK), undecided_network(2)
    )
    scored = pa.Table.from_batches(batches)
    probabilities, scores = scored["purchase_probability"].to_numpy(), scored["ranking_score"].to_numpy()
    unlikely = probabilities < 0.3
    assert 0 < unlikely.sum() < len(unlikely)
    assert scores[unlikely].max() < scores[~unlikely].min()
    assert (np.diff(probabilities[unlikely][np.argsort(-scores[unlikely], kind="stable")]) <= 0).all()


def test_labels_and_weights_follow_the_features_into_the_order_of_learning() -> None:
    table = example_table()
    shuffled = table.take(pa.array(np.random.default_rng(2).permutation(table.num_rows)))
    read, again = classifier.examples_from_rows(table), classifier.examples_from_rows(shuffled)
    for name in ("features", "was_bought", "weights", "weeks"):
        np.testing.assert_array_equal(getattr(again, name), getattr(read, name))


def test_the_rows_of_a_large_batch_keep_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "ROWS_AT_A_TIME", 700)
    np.testing.assert_array_equal(examples().features[:, 0], example_table()["signal"].to_numpy())


def test_the_ranker_compares_pairs_as_they_stand() -> None:
    """Weights are for probabilities."""
    data = examples()
    alike = replace(data, weights=np.ones_like(data.weights))
    assert fit(alike, LAMBDARANK).model_to_string() == fit(data, LAMBDARANK).model_to_string()
