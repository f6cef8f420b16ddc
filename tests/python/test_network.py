"""The network: what it learns, how it is stored, and what few examples teach it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from grocery_recommender import classifier, network, scoring
from grocery_recommender.classifier import Examples
from grocery_recommender.network import Lessons, Network, NetworkConfig, Standardizer
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

ROWS = 4000
SMALL = NetworkConfig(hidden_layers=(8,), steps=400, batch_rows=256, learning_rate=0.01, l2_penalty=0.01)


def examples(seed: int = 1, weight: float = 1.0) -> Examples:
    """Pairs that are likely to be bought where `signal` is far from 0, on either side; half lack the `noise`."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(ROWS, 2)).astype(np.float32)
    was_bought = random.random(ROWS) < 1 / (1 + np.exp(3 - 3 * np.abs(features[:, 0])))
    features[random.random(ROWS) < 0.5, 1] = np.nan
    weights = np.where(was_bought, 1, weight).astype(np.float32)
    return Examples(features, ["signal", "noise"], was_bought, weights, np.ones(ROWS, int), np.arange(ROWS) // 20)


def taught(*parts: Examples, config: NetworkConfig = SMALL) -> Network:
    lessons = Lessons(parts[0])
    for part in parts:
        lessons.add(part)
    return lessons.fit(config)


@pytest.fixture(scope="module")
def fitted() -> Network:
    return taught(examples(1), examples(2))


def test_what_lies_on_both_sides_is_learnt(fitted: Network) -> None:
    held_out = examples(3)
    log_odds = fitted.log_odds(held_out.features)
    likely = log_odds > np.median(log_odds)
    assert held_out.was_bought[likely].mean() > 3 * held_out.was_bought[~likely].mean()


def test_probabilities_are_those_of_the_weighted_grid() -> None:
    data = [examples(1, weight=5), examples(2, weight=5)]
    patient = replace(SMALL, steps=1500, passes=200, learning_rate=0.003)
    log_odds = taught(*data, config=patient).log_odds(data[0].features)
    expected = np.average(data[0].was_bought, weights=data[0].weights)
    assert np.average(1 / (1 + np.exp(-log_odds)), weights=data[0].weights) == pytest.approx(expected, rel=0.15)


def test_a_network_reads_the_first_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "FEATURES", 1)
    fitted, features = taught(examples(1)), examples(3).features
    log_odds = fitted.log_odds(features)
    np.testing.assert_array_equal(fitted.log_odds(features * np.array([1, 9])), log_odds)
    assert np.abs(fitted.log_odds(features * np.array([9, 1])) - log_odds).mean() > 1


def test_a_stored_network_is_the_fitted_one(fitted: Network) -> None:
    again = Network.from_text(fitted.to_text())
    features = examples(3).features
    np.testing.assert_array_equal(again.log_odds(features), fitted.log_odds(features))
    assert again.to_text() == fitted.to_text()


def test_the_same_input_gives_the_same_text_whatever_the_threads(fitted: Network) -> None:
    with threadpool_limits(1):
        assert taught(examples(1), examples(2)).to_text() == fitted.to_text()


def test_a_row_is_scored_alike_in_any_company(fitted: Network) -> None:
    features = examples(3).features
    together = fitted.log_odds(features)
    one_by_one = np.concatenate([fitted.log_odds(features[row : row + 1]) for row in range(50)])
    np.testing.assert_array_equal(one_by_one, together[:50])


def test_the_weights_are_the_mean_of_the_later_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Watched(MLPClassifier):
        def partial_fit(self, *arguments: object, **named: object) -> None:
            super().partial_fit(*arguments, **named)
            seen.append([np.copy(weights) for weights in self.coefs_])

    monkeypatch.setattr(network, "MLPClassifier", Watched)
    learnt = taught(examples(), config=replace(SMALL, passes=5))
    first, second = (np.mean(weights, axis=0) for weights in zip(*seen[2:], strict=True))
    assert (len(seen), learnt.passes) == (5, 5)
    np.testing.assert_allclose(learnt.layers[0][0], first, rtol=1e-6)
    np.testing.assert_allclose(learnt.layers[1][0], second, rtol=1e-6)
    assert not np.allclose(seen[-1][0], first)


def test_features_have_one_scale_and_missing_ones_the_mean() -> None:
    features = np.array([[0, np.nan, 7], [np.e - 1, 5, 7], [-(np.e - 1), np.nan, 7]], dtype=np.float32)
    inputs = Standardizer.of(features).inputs(features)
    np.testing.assert_allclose(inputs[:, 0], [0, 1.5**0.5, -(1.5**0.5)], rtol=1e-4)
    np.testing.assert_allclose(inputs[:, 1:3], 0, atol=1e-3)
    assert inputs[:, 3:].tolist() == [[1], [0], [1]]
    assert Standardizer.of(features).inputs(features * 1e30)[0, 0] == 0
    assert np.abs(Standardizer.of(features).inputs(features * 1e30)).max() == network.WIDEST


def test_features_that_are_missing_together_say_so_once() -> None:
    features = np.array([[1, np.nan, np.nan, np.nan], [2, 5, 6, np.nan]], dtype=np.float32)
    standardizer = Standardizer.of(features)
    assert standardizer.indicators.tolist() == [1]
    assert standardizer.inputs(features).tolist()[0][1:4] == [0, 0, 0]


def test_all_of_very_few_examples_teach() -> None:
    """However the draw falls: otherwise it might leave purchases alone, and nothing to tell them from."""
    few = replace(
        examples(2), features=np.ones((2, 1), np.float32), was_bought=np.array([True, False]), weights=np.ones(2)
    )
    lessons = Lessons(few)
    for _ in range(30):
        lessons.add(few)
    assert all(was_bought.tolist() == [True, False] for was_bought in lessons._was_bought)
    assert np.concatenate(lessons._weights).tolist() == [1] * 60


def test_all_purchases_teach_and_a_share_of_the_rest_stands_for_it() -> None:
    lessons, data = Lessons(examples()), examples(2, weight=4)
    lessons.add(data)
    (inputs,), (was_bought,), (weights,) = lessons._inputs, lessons._was_bought, lessons._weights
    assert was_bought.sum() == data.was_bought.sum() == weights[was_bought].sum()
    assert len(inputs) < ROWS
    assert weights[~was_bought].sum() == pytest.approx(4 * (~data.was_bought).sum(), rel=0.1)


def test_parts_are_let_go_while_they_are_put_together() -> None:
    parts = [np.full((rows, 2), rows, dtype=np.float32) for rows in (3, 1, 2)]
    expected = np.concatenate(parts)
    np.testing.assert_array_equal(network._put_together(parts), expected, strict=True)
    assert not parts


def by_heart(passes: int) -> tuple[Network, float]:
    """A network that is taught what no feature says, and its log loss on other examples of that kind."""
    random = np.random.default_rng(1)

    def noise() -> Examples:
        features = random.normal(size=(ROWS, 30)).astype(np.float32)
        return replace(examples(), features=features, was_bought=random.random(ROWS) < 0.2)

    learnt = taught(noise(), config=replace(SMALL, hidden_layers=(64,), steps=2000, passes=passes))
    held_out = noise()
    probability = 1 / (1 + np.exp(-learnt.log_odds(held_out.features)))
    return learnt, -np.log(np.where(held_out.was_bought, probability, 1 - probability)).mean()


def test_no_example_is_seen_so_often_that_it_is_learnt_by_heart() -> None:
    (few, few_loss), (many, many_loss) = by_heart(passes=2), by_heart(passes=1000)
    assert (few.passes, many.passes > 100) == (2, True)
    of_nothing = -(0.2 * np.log(0.2) + 0.8 * np.log(0.8))
    assert few_loss < 1.2 * of_nothing
    assert many_loss > 2 * of_nothing


def test_few_examples_teach_a_sum_of_the_features() -> None:
    config = NetworkConfig()
    assert config.taught_by(network.MINIMUM_EXAMPLES) == config
    lesson = replace(examples(), was_bought=examples().features[:, 0] > 1)
    learnt = taught(lesson, config=config.taught_by(ROWS))
    grid = np.linspace(-1, 1, 5, dtype=np.float32)
    inputs = learnt.standardizer.inputs(np.column_stack([grid, grid]))
    ((weights, bias),) = learnt.layers
    np.testing.assert_allclose(
        learnt.log_odds(np.column_stack([grid, grid])), (inputs @ weights)[:, 0] + bias, atol=1e-5
    )
    assert weights[0, 0] > 3 * abs(weights[1, 0])
    again = Network.from_text(learnt.to_text())
    np.testing.assert_array_equal(again.log_odds(lesson.features), learnt.log_odds(lesson.features))
    other_seed = taught(lesson, config=replace(config.taught_by(ROWS), seed=1))
    assert other_seed.to_text() == learnt.to_text()


def test_what_few_examples_teach_has_the_least_penalized_loss() -> None:
    config = NetworkConfig().taught_by(ROWS)
    lessons = Lessons(examples())
    lessons.add(examples(weight=3))
    (inputs,), (was_bought,), (example_weights,) = lessons._inputs, lessons._was_bought, lessons._weights
    ((weights, bias),) = lessons.fit(config).layers

    def loss(weights: np.ndarray) -> float:
        log_odds = (inputs @ weights)[:, 0] + bias
        fit = np.average(np.logaddexp(0, np.where(was_bought, -log_odds, log_odds)), weights=example_weights)
        return fit + config.l2_penalty / 2 / config.batch_rows * (weights**2).sum()

    for step in np.eye(len(weights)) * 0.05:
        assert loss(weights) < min(loss(weights + step[:, None]), loss(weights - step[:, None]))


def test_its_share_of_the_log_odds(fitted: Network) -> None:
    data = examples(3)
    binned = classifier.bin_examples(data)
    configs = [replace(config, num_boost_round=5) for config in (classifier.BINARY, classifier.LAMBDARANK)]
    binary, ranker = (classifier.fit(binned, config) for config in configs)
    rows = pa.table(dict(zip(data.feature_names, data.features.T, strict=True)))
    (scored,) = scoring.score_batches(rows.to_reader(), binary, ranker, fitted, ())
    alone = binary.predict(data.features, raw_score=True)
    blended = 0.6 * alone + 0.4 * fitted.log_odds(data.features)
    np.testing.assert_allclose(scored["purchase_probability"].to_numpy(), 1 / (1 + np.exp(-blended)), rtol=1e-9)


def test_a_feature_that_is_one_value_in_the_sample_says_little_elsewhere() -> None:
    standardizer = network.Standardizer.of(np.full((9, 1), 20, dtype=np.float32))
    assert np.abs(standardizer.inputs(np.array([[21]], dtype=np.float32))).max() < 0.1


def test_few_steps_are_few_passes() -> None:
    assert taught(examples(), config=replace(SMALL, steps=20)).passes < SMALL.passes
