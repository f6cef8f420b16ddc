"""How long a customer's list should be: the length with the highest expected F1.

A list of the first k items of an order, H of which are bought while the customer buys N items in all, has
F1 = 2 H / (k + N). With independent purchases of probabilities p_i, and a Poisson number of purchases outside the
candidates (mean m), N is Poisson-binomial plus Poisson. The expectation needs no dynamic program over the counts:
because 1 / a is the integral of t^(a-1) over [0, 1],

    E[F1(k)] = 2 * integral over t of  t^(k-1) * G(t) * sum over i <= k of p_i t / (1 - p_i + p_i t),
    G(t) = exp(m (t - 1)) * product over all candidates of (1 - p_i + p_i t),

where G, the generating function of N, does not depend on k. The integrand is smooth (a polynomial, but for the
exponential), so Gauss-Legendre quadrature gives the exact value up to rounding: no candidate is cut off, no tail is
approximated, and the cost is one pass over the candidates. The more a customer buys, the closer to t = 1 lies all that
counts; with t = 1 - (1 - x)^2 half of the nodes lie in the last quarter, so that thousands of purchases a week do.

F1 only counts in weeks in which the customer shops, and purchases depend on each other above all through that: the
probabilities are divided by the probability of shopping, so that what is maximized is the F1 of a shopping week.

References
----------
Ye, Chai, Lee, Chieu: Optimizing F-measures: a tale of two approaches (2012) maximizes the same expectation by dynamic
programming.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

# Exact for polynomials up to degree QUADRATURE_NODES - 1; beyond, the error is far below the last digit shown.
QUADRATURE_NODES = 64
# Values of customers x items x nodes that are in memory at a time.
BLOCK_VALUES = 4_000_000
SCHEMA = pa.schema(
    [
        ("prediction_week", pa.int32()),
        ("customer_id", pa.string()),
        ("list_length", pa.int32()),
        ("expected_list_f1", pa.float64()),
    ]
)


def choose(connection: Any, scores_sql: str, outlook_sql: str, maximum_length: int) -> pa.Table:
    """The best length of every customer's list in the order of the ranking model.

    Parameters
    ----------
    connection
        Where the queries can be run.
    scores_sql
        Query for ``ml.candidate_scores``.
    outlook_sql
        Query for ``products.customer_outlook``. What a customer's mean shopping week has beyond the candidates'
        expected purchases counts as purchases outside the candidates.
    maximum_length
        Longest list that is considered.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, one row per prediction week and customer.
    """
    lists = [SCHEMA.empty_table()]
    for (week,) in connection.sql(f"select distinct prediction_week from ({outlook_sql}) order by 1").fetchall():
        pairs = connection.sql(
            f"""
            select scores.customer_id, scores.product_id, scores.ranking_score, scores.purchase_probability,
                cast(outlook.shopping_probability as double) as shopping_probability,
                cast(outlook.mean_weekly_items as double) as mean_weekly_items
            from ({scores_sql}) as scores
            inner join ({outlook_sql}) as outlook using (prediction_week, customer_id)
            where prediction_week = ?
            """,
            params=[week],
        ).to_arrow_table()
        # The same order as in products.listed_items.
        order = [("customer_id", "ascending"), ("ranking_score", "descending"), ("purchase_probability", "descending")]
        pairs = pairs.sort_by([*order, ("product_id", "ascending")])
        customers = pairs["customer_id"].combine_chunks().dictionary_encode()
        starts = np.flatnonzero(np.diff(customers.indices.to_numpy(), prepend=-1))
        when_shopping = pairs["purchase_probability"].to_numpy() / pairs["shopping_probability"].to_numpy()
        when_shopping = np.minimum(when_shopping, 1)
        inside = np.add.reduceat(when_shopping, starts)
        outside = np.maximum(pairs["mean_weekly_items"].to_numpy()[starts] - inside, 0)
        lengths, values = best_lengths(when_shopping, starts, outside, maximum_length)
        weeks = pa.repeat(pa.scalar(week, pa.int32()), len(starts))
        lists.append(pa.table([weeks, customers.dictionary, lengths, values.round(12)], schema=SCHEMA))
    return pa.concat_tables(lists)


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
    nodes, weights = 1 - (1 - nodes) ** 2, 2 * (1 - nodes) * weights
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
