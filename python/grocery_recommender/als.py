"""Alternating least squares on implicit feedback: who is alike, and what goes with what.

References
----------
Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets (ICDM 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute
import scipy.sparse
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from grocery_recommender.identifiers import encode, highest, positions
from grocery_recommender.prediction_weeks import PredictionWeek

SCHEMA = pa.schema([("entity", pa.string()), ("entity_id", pa.string()), ("factors", pa.list_(pa.float32()))])
# Products with fewer customers than this in the window say nothing about who is alike; they get no factors.
MINIMUM_CUSTOMERS = 5
# A week in which a product was bought counts half as much after so many weeks: what is taken up is a recent taste.
HALF_LIFE_WEEKS = 8


@dataclass(frozen=True)
class AlsConfig:
    """Parameters of the factorization.

    Parameters
    ----------
    factors
        Length of a factor vector.
    regularization
        L2 penalty on the factors.
    alpha
        Confidence of a purchase is ``alpha * log(1 + purchase weight)``.
    iterations
        Alternations; each solves for customers, then for products.
    seed
        Seed of the initial factors.
    """

    factors: int = 64
    regularization: float = 15.0
    alpha: float = 2.0
    iterations: int = 8
    seed: int = 20060410


@dataclass(frozen=True)
class Factors:
    """Factor vectors with the ids that they belong to, row by row.

    Joining by id, never by position, is the caller's duty; the rows are sorted by id.

    Parameters
    ----------
    customer_ids, product_ids
        Sorted ids, shapes ``(customers,)`` and ``(products,)``.
    customer_factors, product_factors
        float32, shapes ``(customers, factors)`` and ``(products, factors)``.
    """

    customer_ids: pa.StringArray
    product_ids: pa.StringArray
    customer_factors: np.ndarray
    product_factors: np.ndarray


def purchases_sql(item_weeks_sql: str, week: PredictionWeek) -> str:
    """Query for what one window's factors are fitted on: the weeks with a purchase, recent ones counting more.

    Weights are rounded to multiples of 2^-20, so that sums do not depend on the order in which threads add.

    Parameters
    ----------
    item_weeks_sql
        Query for ``grid.customer_item_weeks``.
    week
        Whose window to look at.

    Returns
    -------
    str
        SQL that gives ``customer_id``, ``product_id``, ``purchase_weight``, and the ``customers`` of the product.
    """
    return f"""
        select
            customer_id,
            product_id,
            sum(round(power(0.5, ({week.window_last_week_index} - week_index) / {HALF_LIFE_WEEKS}e0) * 1048576))
                / 1048576 as purchase_weight,
            count(*) over (partition by product_id) as customers
        from ({item_weeks_sql})
        where week_index between {week.window_first_week_index} and {week.window_last_week_index}
        group by customer_id, product_id
        qualify customers >= {MINIMUM_CUSTOMERS}
    """


def purchase_matrix(
    purchases: pa.Table,
) -> tuple[scipy.sparse.csr_matrix, pa.StringArray, pa.StringArray]:
    """Customers x products matrix of purchase weights.

    Parameters
    ----------
    purchases
        Columns ``customer_id``, ``product_id``, ``purchase_weight`` (> 0), one row per pair: see :func:`purchases_sql`.

    Returns
    -------
    matrix, customer_ids, product_ids
        CSR float32 ``(customers, products)``, and the sorted ids of its rows and columns.
    """
    customer_ids, rows = encode(purchases["customer_id"])
    product_ids, columns = encode(purchases["product_id"])
    weights = purchases["purchase_weight"].to_numpy().astype(np.float32)
    matrix = scipy.sparse.csr_matrix((weights, (rows, columns)), shape=(len(customer_ids), len(product_ids)))
    return matrix, customer_ids, product_ids


def fit(purchases: pa.Table, config: AlsConfig) -> Factors:
    """Factorize one window of purchases.

    Parameters
    ----------
    purchases
        As for :func:`purchase_matrix`.
    config
        Parameters of the factorization.

    Returns
    -------
    Factors
        Bit-identical for the same purchases and config, whatever the row order and the number of threads. Of nobody
        and nothing where there are no purchases: in a small shop's first weeks no product has enough customers.
    """
    if purchases.num_rows == 0:
        nobody, no_factors = pa.array([], pa.string()), np.empty((0, config.factors), dtype=np.float32)
        return Factors(nobody, nobody, no_factors, no_factors)
    confidence, customer_ids, product_ids = purchase_matrix(purchases)
    confidence.data = config.alpha * np.log1p(confidence.data)
    # The library parallelizes over rows itself; BLAS threads inside its threads only get in the way.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.regularization,
            alpha=1.0,
            iterations=config.iterations,
            random_state=config.seed,
        )
        model.fit(confidence, show_progress=False)
    return Factors(customer_ids, product_ids, np.asarray(model.user_factors), np.asarray(model.item_factors))


def rows(factors: Factors) -> pa.Table:
    """The factors as ``ml.als_factors`` holds them: one row per customer or product.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``; ``entity`` is ``customer`` or ``product``.
    """
    return pa.concat_tables(
        pa.table(
            {
                "entity": pa.repeat(entity, len(ids)),
                "entity_id": ids,
                "factors": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]).cast(
                    pa.list_(pa.float32())
                ),
            }
        )
        for entity, ids, vectors in (
            ("customer", factors.customer_ids, factors.customer_factors),
            ("product", factors.product_ids, factors.product_factors),
        )
    )


def from_rows(table: pa.Table) -> Factors:
    """The inverse of :func:`rows`; the row order of ``table`` does not matter."""

    def entity(name: str) -> tuple[pa.StringArray, np.ndarray]:
        part = table.filter(pyarrow.compute.equal(table["entity"], name)).sort_by("entity_id").combine_chunks()
        vectors = part["factors"].combine_chunks()
        length = len(vectors[0]) if len(vectors) else 0
        values = vectors.flatten().to_numpy().reshape(len(vectors), length)
        return part["entity_id"].combine_chunks(), values

    customer_ids, customer_factors = entity("customer")
    product_ids, product_factors = entity("product")
    return Factors(customer_ids, product_ids, customer_factors, product_factors)


def top_unseen(
    factors: Factors, seen: pa.Table, customers: pa.StringArray, count: int, batch_size: int = 512
) -> pa.Table:
    """The products that score highest for each customer among those that the customer did not buy.

    Parameters
    ----------
    factors
        Result of :func:`fit`.
    seen
        Columns ``customer_id``, ``product_id``: what not to propose.
    customers
        Customers to propose to; those without factors get no rows.
    count
        Products per customer; fewer only where fewer are left.
    batch_size
        Customers scored at a time: memory is ``batch_size * products`` floats.

    Returns
    -------
    pyarrow.Table
        ``customer_id``, ``product_id``, ``als_rank`` (int32, from 1, ties by product id), sorted by customer and rank.
    """
    wanted = np.unique(positions(customers, factors.customer_ids))
    wanted = wanted[wanted >= 0]
    seen_matrix = _seen_matrix(factors, seen)
    count = min(count, len(factors.product_ids))
    # In single precision last bits, and now and then a rank, depend on BLAS's threads and on who else is in the batch.
    product_factors = factors.product_factors.T.astype(np.float64)
    out_rows, out_columns, out_ranks = [], [], []
    for start in range(0, len(wanted), batch_size):
        rows = wanted[start : start + batch_size]
        scores = (factors.customer_factors[rows].astype(np.float64) @ product_factors).astype(np.float32)
        scores[seen_matrix[rows].toarray()] = -np.inf
        best = highest(scores, count)
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        unseen = np.isfinite(np.take_along_axis(scores, best, axis=1))
        ranks = np.broadcast_to(np.arange(1, count + 1, dtype=np.int32), best.shape)
        out_rows.append(np.broadcast_to(rows[:, None], best.shape)[unseen])
        out_columns.append(best[unseen])
        out_ranks.append(ranks[unseen])
    empty = [np.empty(0, dtype=np.int64)]
    return pa.table(
        {
            "customer_id": factors.customer_ids.take(pa.array(np.concatenate(out_rows or empty))),
            "product_id": factors.product_ids.take(pa.array(np.concatenate(out_columns or empty))),
            "als_rank": pa.array(np.concatenate(out_ranks or empty).astype(np.int32)),
        }
    )


def _seen_matrix(factors: Factors, seen: pa.Table) -> scipy.sparse.csr_matrix:
    rows = positions(seen["customer_id"], factors.customer_ids)
    columns = positions(seen["product_id"], factors.product_ids)
    known = (rows >= 0) & (columns >= 0)
    shape = (len(factors.customer_ids), len(factors.product_ids))
    return scipy.sparse.csr_matrix((np.ones(known.sum(), dtype=bool), (rows[known], columns[known])), shape=shape)
