"""The bootstrap against what is known of means."""

from __future__ import annotations

import numpy as np
import pytest
from grocery_recommender import confidence


def test_the_interval_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(1).exponential(size=(4000, 1))
    lower, upper = confidence.interval(values)
    half_width = 1.96 * values.std() / np.sqrt(len(values))
    assert lower[0] == pytest.approx(values.mean() - half_width, abs=half_width / 10)
    assert upper[0] == pytest.approx(values.mean() + half_width, abs=half_width / 10)


def test_pairing_narrows_the_difference_of_models_that_agree() -> None:
    generator = np.random.default_rng(2)
    baseline = generator.exponential(size=1000)
    better = baseline + 0.02 + generator.normal(scale=0.01, size=1000)
    lower, upper = confidence.paired_interval(better, baseline)
    assert 0.015 < lower < np.mean(better - baseline) < upper < 0.025
    apart = confidence.interval(np.column_stack([better, baseline]))
    assert upper - lower < (apart[1] - apart[0]).min() / 10


def test_the_same_seed_draws_the_same_customers_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).uniform(size=(60, 2))
    whole = confidence.bootstrap_means(values, resamples=100)
    monkeypatch.setattr(confidence, "BLOCK_DRAWS", 600)
    np.testing.assert_allclose(confidence.bootstrap_means(values, resamples=100), whole)
    assert not np.allclose(confidence.bootstrap_means(values, resamples=100, seed=4), whole)


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.array([[1.0], [np.nan]])])
def test_nothing_and_missing_values_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least one customer"):
        confidence.interval(values)
