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
