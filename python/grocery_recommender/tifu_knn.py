"""TIFU-KNN: what a customer buys often and lately, and what customers alike do.

References
----------
Hu et al.: Modeling Personalized Item Frequency Information for Next-basket Recommendation (SIGIR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse
from sklearn.utils.extmath import safe_sparse_dot

from grocery_recommender.identifiers import encode, highest, positions
from grocery_recommender.prediction_weeks import PredictionWeek


@dataclass(frozen=True)
class TifuKnnConfig:
    """Parameters of the method, in the paper's terms.

    Parameters
    ----------
    group_size
        Weekly baskets per group (m), counted back from the latest.
    within_group_decay, group_decay
        Weight of a basket against the next later one of its group (r_b), and of a group against the next later (r_g).
    neighbours
        Customers whose vectors are averaged (k), the most alike by cosine, ties by customer id; all others where there
        are fewer.
    own_share
        Share of the customer's own vector in the score (alpha).
    pool
        Customers, at most, among whom neighbours are sought: similarities cost customers x pool.
    minimum_customers
        Products with fewer buyers in the window say nothing of who is alike, and are not proposed as new.
    seed
        Seed of the draw of the pool.
    """

    group_size: int = 3
    within_group_decay: float = 0.9
    group_decay: float = 0.8
    neighbours: int = 100
    own_share: float = 0.8
    pool: int = 10_000
    minimum_customers: int = 5
    seed: int = 20060410


# Similarity of customers to themselves, below all others: nobody is their own neighbour.
OWN = -1
SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("is_repeat", pa.bool_()),
        ("tifu_score", pa.float32()),
        ("neighbour_score", pa.float32()),
        ("tifu_rank", pa.int32()),
    ]
)


def vectors_sql(item_weeks_sql: str, week: PredictionWeek, config: TifuKnnConfig) -> str:
    """Query for the personal vectors of one window: each weekly basket's weight, summed over the baskets of a product.

    Weights are rounded to multiples of 2^-20, so that sums do not depend on the order in which threads add.

    Parameters
    ----------
    item_weeks_sql
        Query for ``grid.customer_item_weeks``.
    week
        Whose window to look at.
    config
        Parameters of the method.

    Returns
    -------
    str
        SQL that gives ``customer_id``, ``product_id``, ``weight``.
    """
    return f"""
        with purchases as (
            select
                customer_id,
                product_id,
                dense_rank() over (partition by customer_id order by week_index desc) - 1 as baskets_later
            from ({item_weeks_sql})
            where week_index between {week.window_first_week_index} and {week.window_last_week_index}
        ),
        vectors as (
            select
                customer_id,
                product_id,
                max(baskets_later) as baskets_later,
                sum(round(
                    power({config.within_group_decay}, baskets_later % {config.group_size})
                    * power({config.group_decay}, floor(baskets_later / {config.group_size}))
                    * 1048576
                )) / 1048576 as summed_weight
            from purchases
            group by customer_id, product_id
        )
        select
            customer_id,
            product_id,
            summed_weight / ({config.group_size} * ceil(
                (max(baskets_later) over (partition by customer_id) + 1) / {config.group_size}
            )) as weight
        from vectors
    """


def score(
    vectors: pa.Table, customers: pa.StringArray, new_products: int, config: TifuKnnConfig, batch_size: int = 256
) -> pa.Table:
    """Scores of all products that a customer bought, and of the best new ones.

    Parameters
    ----------
    vectors
        Columns ``customer_id``, ``product_id``, ``weight`` (> 0): the personal vectors, one row per pair.
    customers
        Whom to score; customers without a vector get no rows.
    new_products
        New products per customer; fewer only where the neighbours have fewer.
    config
        Parameters of the method.
    batch_size
        Customers scored at a time: memory is ``batch_size * products`` floats.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``. ``tifu_score`` is ``own_share * own weight + (1 - own_share) * neighbours' mean weight``;
        ``tifu_rank`` counts from 1, repeat and new products apart, ties by product id.
    """
    customer_ids, rows = encode(vectors["customer_id"])
    product_ids, columns = encode(vectors["product_id"])
    weights = vectors["weight"].to_numpy().astype(np.float32)
    matrix = scipy.sparse.csr_matrix((weights, (rows, columns)), shape=(len(customer_ids), len(product_ids)))
    matrix.sort_indices()
    common = np.flatnonzero(np.bincount(columns, minlength=len(product_ids)) >= config.minimum_customers)
    common_matrix = matrix[:, common]
    lengths = np.sqrt(np.asarray(common_matrix.multiply(common_matrix).sum(axis=1)).ravel())
    normalized = (scipy.sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ common_matrix).tocsr()
    pool = np.arange(len(customer_ids))
    if len(pool) > config.pool:
        pool = np.sort(np.random.default_rng(config.seed).choice(pool, config.pool, replace=False))
    pool_matrix, pool_normalized = common_matrix[pool], normalized[pool].T.tocsr()
    wanted = np.unique(positions(customers, customer_ids))
    wanted = wanted[wanted >= 0]
    parts = []
    for start in range(0, len(wanted), batch_size):
        batch = wanted[start : start + batch_size]
        similar = safe_sparse_dot(normalized[batch], pool_normalized, dense_output=True)
        similar[pool[None, :] == batch[:, None]] = OWN
        means = _neighbour_means(similar, pool_matrix, config.neighbours)
        parts += [
            _repeat_rows(batch, matrix[batch], means, common, config.own_share),
            _new_rows(batch, common_matrix[batch], means, common, new_products, config.own_share),
        ]
    columns_of_parts = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [()] * 6
    positions_of_customer, positions_of_product, *values = columns_of_parts
    return pa.table(
        [
            customer_ids.take(pa.array(positions_of_customer, pa.int64())),
            product_ids.take(pa.array(positions_of_product, pa.int64())),
            *(pa.array(value, field.type) for value, field in zip(values, list(SCHEMA)[2:], strict=True)),
        ],
        schema=SCHEMA,
    )


def _neighbour_means(similar: np.ndarray, pool_matrix: scipy.sparse.csr_matrix, neighbours: int) -> np.ndarray:
    """Mean vector of the most similar customers, shape ``(batch, products)``; zeros where there is nobody else."""
    nearest = highest(similar, min(neighbours, similar.shape[1]))
    is_other = np.take_along_axis(similar, nearest, axis=1) != OWN  # in a small pool, the cut lies below oneself
    counts = is_other.sum(axis=1)
    shares = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
    edges = np.concatenate([[0], np.cumsum(counts)])
    averaging = scipy.sparse.csr_matrix((shares, nearest[is_other], edges), shape=similar.shape)
    return safe_sparse_dot(averaging, pool_matrix, dense_output=True)


def _repeat_rows(
    batch: np.ndarray, own: scipy.sparse.csr_matrix, means: np.ndarray, common: np.ndarray, own_share: float
) -> tuple[np.ndarray, ...]:
    counts = np.diff(own.indptr)
    row = np.repeat(np.arange(len(batch)), counts)
    column = np.full(own.shape[1], -1)
    column[common] = np.arange(len(common))
    column = column[own.indices]
    is_common = column >= 0
    neighbour_scores = np.zeros(len(row), dtype=means.dtype)
    neighbour_scores[is_common] = means[row[is_common], column[is_common]]
    scores = own_share * own.data + (1 - own_share) * neighbour_scores
    order = np.lexsort((own.indices, -scores, row))
    ranks = np.empty(len(row), dtype=np.int32)
    ranks[order] = np.arange(len(row)) - np.repeat(own.indptr[:-1], counts) + 1
    return batch[row], own.indices, np.ones(len(row), dtype=bool), scores, neighbour_scores, ranks


def _new_rows(
    batch: np.ndarray,
    own: scipy.sparse.csr_matrix,
    means: np.ndarray,
    common: np.ndarray,
    count: int,
    own_share: float,
) -> tuple[np.ndarray, ...]:
    means[np.repeat(np.arange(len(batch)), np.diff(own.indptr)), own.indices] = 0
    best = highest(means, min(count, means.shape[1]))
    scores = np.take_along_axis(means, best, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    best, scores = np.take_along_axis(best, order, axis=1), np.take_along_axis(scores, order, axis=1)
    row, place = np.nonzero(scores > 0)
    neighbour_scores = scores[row, place]
    is_repeat = np.zeros(len(row), dtype=bool)
    new_scores = (1 - own_share) * neighbour_scores
    return batch[row], common[best[row, place]], is_repeat, new_scores, neighbour_scores, place + 1
