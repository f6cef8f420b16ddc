"""Confidence intervals by the bootstrap over customers: customers are drawn, never their single purchases.

Several columns of values over the same customers share each draw, so that the difference of two models can be given
an interval of its own (paired bootstrap): hand in the difference as one more column.
"""

from __future__ import annotations

import numpy as np

RESAMPLES = 2_000
LEVEL = 0.95
SEED = 20_240
# Draws x customers that are in memory at a time.
BLOCK_DRAWS = 20_000_000


def bootstrap_means(values: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Means of each column over customers drawn with replacement.

    Parameters
    ----------
    values
        One row per customer, one column per quantity; shape ``(customers, columns)``.
    resamples
        How often the customers are drawn.
    seed
        The same seed and number of customers give the same draws.

    Returns
    -------
    numpy.ndarray
        Shape ``(resamples, columns)``.

    Raises
    ------
    ValueError
        If there are no customers, or a value is missing.
    """
    customers = len(values)
    if customers == 0 or np.isnan(values).any():
        raise ValueError("the bootstrap needs at least one customer and a value in every column")
    generator = np.random.default_rng(seed)
    shares = np.full(customers, 1 / customers)
    block = max(1, BLOCK_DRAWS // customers)
    means = [
        generator.multinomial(customers, shares, size=min(block, resamples - done)) @ values / customers
        for done in range(0, resamples, block)
    ]
    return np.concatenate(means)


def interval(
    values: np.ndarray, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of the mean of each column (percentile interval).

    Parameters
    ----------
    values, resamples, seed
        As in `bootstrap_means`.
    level
        Share of the resampled means that lies within the bounds.

    Returns
    -------
    lower, upper
        Shapes ``(columns,)``.
    """
    tail = (1 - level) / 2
    lower, upper = np.quantile(bootstrap_means(values, resamples, seed), [tail, 1 - tail], axis=0)
    return lower, upper
