"""How long a customer's list should be: the length with the highest expected F1.

A list of the first k items of an order, H of which are bought while the customer buys N items in all, has
F1 = 2 H / (k + N). With independent purchases of probabilities p_i, and a Poisson number of purchases outside the
candidates (mean m), N is Poisson-binomial plus Poisson. The expectation needs no dynamic program over the counts:
because 1 / a is the integral of t^(a-1) over [0, 1],

    E[F1(k)] = 2 * integral over t of  t^(k-1) * G(t) * sum over i <= k of p_i t / (1 - p_i + p_i t),
    G(t) = exp(m (t - 1)) * product over all candidates of (1 - p_i + p_i t),

where G, the generating function of N, does not depend on k. The integrand is smooth (a polynomial, but for the
exponential), so Gauss-Legendre quadrature gives the exact value up to rounding: no candidate is cut off, no tail is
approximated, and the cost is one pass over the candidates.

References
----------
Ye, Chai, Lee, Chieu: Optimizing F-measures: a tale of two approaches (2012) maximizes the same expectation by dynamic
programming.
"""

from __future__ import annotations

import numpy as np

# Exact for polynomials up to degree 2 * QUADRATURE_NODES - 1; beyond, the error is far below the last digit shown.
QUADRATURE_NODES = 64
# Values of customers x items x nodes that are in memory at a time.
BLOCK_VALUES = 4_000_000


def expected_f1(probabilities: np.ndarray, starts: np.ndarray, outside: np.ndarray, maximum_length: int) -> np.ndarray:
    """Expected F1 of the first 1, 2, … items of each customer's list.

    Parameters
    ----------
    probabilities
        Of all candidates, customer after customer, each customer's in the order of the list; shape ``(pairs,)``.
    starts
        Where each customer's candidates begin, ascending from 0, no customer empty; shape ``(customers,)``.
    outside
        Expected number of each customer's purchases that are no candidates; shape ``(customers,)``.
    maximum_length
        Longest list that is considered.

    Returns
    -------
    numpy.ndarray
        Shape ``(customers, maximum_length)``; nothing (NaN) where a customer has fewer candidates.

    Raises
    ------
    ValueError
        If a probability is outside [0, 1] or an outside count is negative or missing.
    """
    if not (np.all(probabilities >= 0) and np.all(probabilities <= 1)):
        raise ValueError("purchase probabilities must lie in [0, 1]; look for nulls in the scores")
    if not np.all(outside >= 0):
        raise ValueError("the expected number of purchases outside the candidates must be zero or more")
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE_NODES)
    nodes, weights = (nodes + 1) / 2, weights / 2
    ends = np.append(starts[1:], len(probabilities))
    counts = ends - starts
    powers = 2 * weights[:, None] * nodes[:, None] ** np.arange(maximum_length)
    result = np.empty((len(starts), maximum_length))
    for first, last in _blocks(counts, maximum_length):
        block = probabilities[starts[first] : ends[last - 1]]
        # A product of so many factors that it underflows is a zero that adds nothing to the integral.
        generating = np.multiply.reduceat(1 + block[:, None] * (nodes - 1), starts[first:last] - starts[first], axis=0)
        generating *= np.exp(outside[first:last, None] * (nodes - 1))
        positions = starts[first:last, None] + np.arange(maximum_length)
        exists = positions < ends[first:last, None]
        listed = np.where(exists, probabilities[np.minimum(positions, len(probabilities) - 1)], 0)[:, :, None]
        hits = np.cumsum(listed * nodes / (1 + listed * (nodes - 1)), axis=1)
        result[first:last] = np.where(exists, np.einsum("cq,ckq,qk->ck", generating, hits, powers), np.nan)
    return result


def best_lengths(
    probabilities: np.ndarray, starts: np.ndarray, outside: np.ndarray, maximum_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """The length with the highest expected F1 for each customer, and that F1; the shorter list wins a tie.

    Parameters and errors are those of `expected_f1`.

    Returns
    -------
    lengths, values
        Shapes ``(customers,)``.
    """
    values = expected_f1(probabilities, starts, outside, maximum_length)
    best = np.nanargmax(values, axis=1)
    return best + 1, values[np.arange(len(values)), best]


def _blocks(counts: np.ndarray, maximum_length: int) -> list[tuple[int, int]]:
    """Ranges of customers whose values fit into memory together."""
    cost = np.cumsum(np.maximum(counts, maximum_length)) * QUADRATURE_NODES
    borders = np.flatnonzero(np.diff(cost // BLOCK_VALUES)) + 1
    return list(zip([0, *borders.tolist()], [*borders.tolist(), len(counts)], strict=True))
