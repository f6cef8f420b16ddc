"""Samples of customers and of pairs: as many as wanted, whole where they should be, and drawn for themselves."""

from __future__ import annotations

import duckdb
import pytest
from grocery_recommender import sampling


@pytest.fixture(scope="module")
def pairs() -> duckdb.DuckDBPyConnection:
    """Two thousand customers with ten products each."""
    connection = duckdb.connect()
    connection.execute(
        "create table pairs as select 'c' || c as customer_id, 'p' || p as product_id"
        " from range(2000) as customers(c), range(10) as products(p)"
    )
    return connection


def counts(pairs: duckdb.DuckDBPyConnection, condition: str) -> tuple[int, int, int]:
    """Pairs, customers and products of a sample."""
    query = "select count(*), count(distinct customer_id), count(distinct product_id) from pairs where "
    return pairs.sql(query + condition).fetchall()[0]


def test_customers_are_taken_whole(pairs: duckdb.DuckDBPyConnection) -> None:
    kept, customers, _ = counts(pairs, sampling.customer_sample(20_000, 10_000))
    assert kept == 10 * customers == pytest.approx(10_000, rel=0.1)


def test_a_shop_that_was_cut_by_a_hash_is_sampled_like_any_other(pairs: duckdb.DuckDBPyConnection) -> None:
    cut = "substr(md5(customer_id), 1, 8) <= '7fffffff'"
    _, customers, _ = counts(pairs, f"{cut} and {sampling.customer_sample(20_000, 10_000)}")
    assert customers == pytest.approx(500, rel=0.15)


def test_pairs_are_taken_singly(pairs: duckdb.DuckDBPyConnection) -> None:
    kept, customers, products = counts(pairs, sampling.pair_sample(20_000, 2_000))
    assert kept == pytest.approx(2_000, rel=0.15)
    assert customers > 1_000
    assert products == 10
    assert counts(pairs, sampling.pair_sample(20_000, 20_000))[0] == 20_000
