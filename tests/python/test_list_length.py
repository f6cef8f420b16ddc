"""List lengths against every outcome there can be, and against counts of purchases by convolution."""

from __future__ import annotations

from itertools import product

import duckdb
import numpy as np
import pytest
from grocery_recommender import list_length


def f1_over_all_outcomes(probabilities: np.ndarray, length: int, outside: float = 0.0) -> float:
    """Expected F1 by enumeration; the outside purchases are summed over their Poisson distribution."""
    total = 0.0
    for bought in product([0, 1], repeat=len(probabilities)):
        chance = np.prod(np.where(bought, probabilities, 1 - probabilities))
        poisson = np.exp(-outside)
        for others in range(80):
            items = sum(bought) + others
            if items:
                total += chance * poisson * 2 * sum(bought[:length]) / (length + items)
            poisson *= outside / (others + 1)
    return total


@pytest.mark.parametrize("outside", [0.0, 0.7, 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_expected_f1_is_that_over_all_outcomes(seed: int, outside: float) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.uniform(0, 1, size=7)
    values = list_length.expected_f1(probabilities, np.array([0]), np.array([outside]), 7)[0]
    expected = [f1_over_all_outcomes(probabilities, length, outside) for length in range(1, 8)]
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_many_candidates_agree_with_the_distribution_of_their_number() -> None:
    """The sums that the integral replaces, over exact Poisson-binomial counts of 3,000 candidates."""
    probabilities = np.sort(np.random.default_rng(5).beta(0.3, 9, size=3000))[::-1]
    values = list_length.expected_f1(probabilities, np.array([0]), np.array([0.0]), 60)[0]

    def counts(chances: np.ndarray) -> np.ndarray:
        distribution = np.ones(1)
        for chance in chances:
            distribution = np.convolve(distribution, [1 - chance, chance])
        return distribution

    for length in (1, 17, 60):
        inside, rest = counts(probabilities[:length]), counts(probabilities[length:])
        hits, others = np.arange(len(inside))[:, None], np.arange(len(rest))
        f1 = 2 * hits / (length + hits + others)
        assert values[length - 1] == pytest.approx(inside @ f1 @ rest, abs=1e-12)


@pytest.mark.parametrize("others", [1000.0, 5000.0])
def test_a_card_that_stands_for_many_customers(others: float) -> None:
    """Thousands of purchases a week: the number of all is nearly its mean, which takes no integral."""
    probabilities = np.full(5000, 0.09)
    values = list_length.expected_f1(probabilities, np.array([0]), np.array([others]), 60)[0]
    lengths = np.arange(1, 61)
    rest = 0.09 * (5000 - 1) + others  # besides one listed item, which is bought
    variance = 0.09 * 0.91 * (5000 - 1) + others
    expected = 2 * 0.09 * lengths * (1 / (lengths + rest + 1) + variance / (lengths + rest + 1) ** 3)
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_customers_do_not_touch_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of whatever size, lists of whatever length: each customer as if alone."""
    generator = np.random.default_rng(2)
    counts = generator.integers(1, 40, size=50)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    probabilities = generator.beta(0.5, 5, size=counts.sum())
    outside = generator.uniform(0, 5, size=50)
    monkeypatch.setattr(list_length, "BLOCK_VALUES", 6000)
    together = list_length.expected_f1(probabilities, starts, outside, 20)
    for customer, (start, count) in enumerate(zip(starts, counts, strict=True)):
        alone = list_length.expected_f1(
            probabilities[start : start + count], np.array([0]), outside[customer : customer + 1], 20
        )[0]
        np.testing.assert_allclose(together[customer], alone, rtol=1e-12)
        assert np.isnan(together[customer]).sum() == max(0, 20 - count)


def test_sure_purchases_are_all_listed_and_nothing_else() -> None:
    lengths, values = list_length.best_lengths(
        np.array([1, 1, 1, 0.01, 0.01, 0.3]), np.array([0, 5]), np.array([0.0, 0.0]), 5
    )
    assert lengths.tolist() == [3, 1]
    assert values[0] == pytest.approx(1, abs=0.01)
    assert values[1] == pytest.approx(0.3)


def test_a_customer_who_buys_much_else_gets_a_longer_list() -> None:
    probabilities = np.tile(np.linspace(0.5, 0.02, 60), 2)
    lengths, _ = list_length.best_lengths(probabilities, np.array([0, 60]), np.array([0.0, 30.0]), 60)
    assert lengths[1] > lengths[0]


@pytest.mark.parametrize(("probabilities", "outside"), [([1.2], [0.0]), ([np.nan], [0.0]), ([0.5], [-1.0])])
def test_impossible_input_is_refused(probabilities: list[float], outside: list[float]) -> None:
    with pytest.raises(ValueError, match="must"):
        list_length.best_lengths(np.array(probabilities), np.array([0]), np.array(outside), 1)


def test_lengths_are_chosen_for_a_shopping_week_and_what_it_has_beyond_the_candidates() -> None:
    connection = duckdb.connect()
    connection.execute(
        """
        create table scores as
        select week as prediction_week, customer_id, product_id, cast(score as double) as ranking_score,
            cast(probability as double) as purchase_probability
        from (
            values (12, 'ann', 'a', 9, 0.45), (12, 'ann', 'b', 8, 0.4), (12, 'ann', 'c', 1, 0.01),
                (12, 'bob', 'a', 1, 0.01), (12, 'bob', 'b', 2, 0.6), (11, 'ann', 'z', 99, 0.5)
        ) as t(week, customer_id, product_id, score, probability);
        create table outlook as
        from (values (12, 'ann', 0.5, 2.0), (12, 'bob', 0.5, 3.0), (11, 'ann', 0.5, 1.0))
            as t(prediction_week, customer_id, shopping_probability, mean_weekly_items)
        """
    )
    rows = list_length.choose(connection, "from scores", "from outlook", 3).to_pylist()
    chosen = {
        (row["prediction_week"], row["customer_id"]): (row["list_length"], row["expected_list_f1"]) for row in rows
    }
    # No product is bought more surely than surely: bob's .6 of half the weeks.
    when_shopping = {(12, "ann"): ([0.9, 0.8, 0.02], 0.28), (12, "bob"): ([1, 0.02], 1.98), (11, "ann"): ([1.0], 0.0)}
    for key, (probabilities, outside) in when_shopping.items():
        one = np.array([0])
        (length,), (value,) = list_length.best_lengths(np.array(probabilities), one, np.array([outside]), 3)
        assert chosen[key] == (length, pytest.approx(value))


def test_the_shorter_list_wins_a_tie() -> None:
    lengths, _ = list_length.best_lengths(np.zeros(2), np.array([0]), np.zeros(1), 2)
    assert lengths.tolist() == [1]
