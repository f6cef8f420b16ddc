"""TIFU-KNN against a plain rendering of the paper's formulas."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from grocery_recommender import tifu_knn
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.tifu_knn import TifuKnnConfig

CONFIG = TifuKnnConfig(neighbours=2, own_share=0.6, minimum_customers=1)


def vectors(rows: list[tuple[str, str, float]]) -> pa.Table:
    return pa.table(dict(zip(("customer_id", "product_id", "weight"), map(list, zip(*rows, strict=True)), strict=True)))


def test_personal_vector_follows_the_papers_decay() -> None:
    connection = duckdb.connect()
    # Five weekly baskets: the two earliest form the older group of three, of which one place is empty.
    connection.execute(
        "create table item_weeks as select * from (values"
        " ('a', 'milk', 3), ('a', 'tea', 9), ('a', 'milk', 10), ('a', 'tea', 11), ('a', 'milk', 12),"
        " ('a', 'milk', 2), ('a', 'milk', 13)) as t(customer_id, product_id, week_index)"
    )
    week = PredictionWeek(13, 13, "score", 3, 12, 13, "fingerprint", "fingerprint")
    rows = connection.sql(tifu_knn.vectors_sql("select * from item_weeks", week, CONFIG)).fetchall()
    expected = {
        ("milk"): (1 + 0.9**2 + 0.8 * 0.9) / (3 * 2),
        ("tea"): (0.9 + 0.8 * 1) / (3 * 2),
    }
    assert {product: weight for _, product, weight in rows} == pytest.approx(expected, abs=1e-6)


def test_scores_mix_the_own_vector_with_the_nearest_neighbours() -> None:
    table = vectors(
        [
            ("a", "milk", 0.5),
            ("a", "tea", 0.1),
            ("b", "milk", 0.4),
            ("b", "bread", 0.2),
            ("c", "milk", 0.2),
            ("c", "tea", 0.2),
            ("d", "soap", 0.9),
        ]
    )
    rows = tifu_knn.score(table, pa.array(["a", "unknown"]), 5, CONFIG).to_pylist()
    found = {row["product_id"]: row for row in rows}
    assert set(found) == {"milk", "tea", "bread"}  # d is no neighbour of a: soap is not proposed
    assert found["milk"]["tifu_score"] == pytest.approx(0.6 * 0.5 + 0.4 * 0.3)
    assert found["tea"]["neighbour_score"] == pytest.approx(0.1)
    assert found["bread"]["tifu_score"] == pytest.approx(0.4 * 0.1)
    assert [found[name]["tifu_rank"] for name in ("milk", "tea", "bread")] == [1, 2, 1]
    assert [found[name]["is_repeat"] for name in ("milk", "tea", "bread")] == [True, True, False]


def test_no_customer_is_scored_by_themselves_and_rare_products_are_not_proposed() -> None:
    generator = np.random.default_rng(1)
    pairs = {(f"c{generator.integers(40)}", f"p{generator.integers(30):02}") for _ in range(300)}
    table = vectors([(customer, product, 1.0) for customer, product in sorted(pairs)])
    config = TifuKnnConfig(neighbours=5, minimum_customers=8)
    customers = pa.array([f"c{i}" for i in range(40)])
    scored = tifu_knn.score(table, customers, 4, config, batch_size=7)
    buyers = {product: len([1 for _, p in pairs if p == product]) for _, product in pairs}
    repeat = {(r["customer_id"], r["product_id"]) for r in scored.to_pylist() if r["is_repeat"]}
    new = [r for r in scored.to_pylist() if not r["is_repeat"]]
    assert repeat == pairs
    assert new
    assert all((r["customer_id"], r["product_id"]) not in pairs for r in new)
    assert all(buyers[r["product_id"]] >= 8 for r in new)
    assert all(r["neighbour_score"] > 0 for r in new)
    # The same whatever the batches and the order of the rows.
    shuffled = table.take(pa.array(generator.permutation(table.num_rows)))
    again = tifu_knn.score(shuffled, customers, 4, config, batch_size=64)
    keys = [("customer_id", "ascending"), ("product_id", "ascending")]
    assert again.sort_by(keys).equals(scored.sort_by(keys))


def test_products_that_neighbours_like_equally_are_proposed_by_id() -> None:
    rows = [("a", "milk", 1.0), ("b", "milk", 1.0), *(("b", f"p{i:03}", 0.5) for i in range(200))]
    config = TifuKnnConfig(neighbours=1, minimum_customers=1)
    new = [row for row in tifu_knn.score(vectors(rows), pa.array(["a"]), 5, config).to_pylist() if not row["is_repeat"]]
    assert {row["product_id"]: row["tifu_rank"] for row in new} == {f"p{i:03}": i + 1 for i in range(5)}


def test_of_customers_equally_alike_the_first_by_id_are_neighbours() -> None:
    rows = [("a", "milk", 1.0), *((f"b{i:03}", "milk", 2.0 ** (i % 8)) for i in range(200))]
    config = TifuKnnConfig(neighbours=5, minimum_customers=1)
    (milk,) = tifu_knn.score(vectors(rows), pa.array(["a"]), 0, config).to_pylist()
    assert milk["neighbour_score"] == pytest.approx((1 + 2 + 4 + 8 + 16) / 5)


def test_nobody_is_their_own_neighbour_in_a_shop_with_fewer_customers_than_neighbours() -> None:
    table = vectors([("a", "milk", 1.0), ("a", "caviar", 1.0), ("b", "milk", 0.5), ("b", "tea", 1.0)])
    config = TifuKnnConfig(neighbours=100, minimum_customers=1)
    rows = tifu_knn.score(table, pa.array(["a", "b"]), 5, config).to_pylist()
    assert {(row["customer_id"], row["product_id"]): row["neighbour_score"] for row in rows} == {
        ("a", "milk"): 0.5,
        ("a", "caviar"): 0,
        ("a", "tea"): 1,
        ("b", "milk"): 1,
        ("b", "tea"): 0,
        ("b", "caviar"): 1,
    }


def test_of_a_small_pool_those_outside_have_one_neighbour_more() -> None:
    table = vectors([(customer, customer, 1.0) for customer in "abc"] + [(customer, "milk", 1.0) for customer in "abc"])
    config = TifuKnnConfig(neighbours=100, pool=2, minimum_customers=1)
    rows = tifu_knn.score(table, pa.array(["a", "b", "c"]), 5, config).to_pylist()
    new = sorted(row["neighbour_score"] for row in rows if not row["is_repeat"])
    assert new == [0.5, 0.5, 1, 1]  # who is not in the pool has two neighbours, the others have each other


def test_the_only_customer_has_no_neighbours() -> None:
    config = TifuKnnConfig(own_share=0.5, minimum_customers=1)
    (milk,) = tifu_knn.score(vectors([("a", "milk", 1.0)]), pa.array(["a"]), 5, config).to_pylist()
    assert (milk["neighbour_score"], milk["tifu_score"]) == (0, 0.5)


def test_where_no_product_has_enough_buyers_all_keep_their_own_scores() -> None:
    table = vectors([("a", "milk", 0.5), ("a", "tea", 0.1), ("b", "bread", 0.4)])
    config = TifuKnnConfig(own_share=0.6, minimum_customers=2)
    scored = tifu_knn.score(table, pa.array(["a", "b"]), 5, config).to_pylist()
    assert {(r["customer_id"], r["product_id"]): r["tifu_score"] for r in scored} == pytest.approx(
        {("a", "milk"): 0.3, ("a", "tea"): 0.06, ("b", "bread"): 0.24}
    )
    assert all(r["is_repeat"] and r["neighbour_score"] == 0 for r in scored)


def personal_vector(purchases: str) -> dict[str, float]:
    """Of customer a, by product; the week to come is 13."""
    connection = duckdb.connect()
    connection.execute(f"create table purchases as from ({purchases}) as t(customer_id, product_id, week_index)")
    week = PredictionWeek(13, 13, "score", 3, 12, 13, "", "")
    query = tifu_knn.vectors_sql("from purchases", week, TifuKnnConfig())
    return {product: weight for _, product, weight in connection.sql(query).fetchall()}


def test_what_is_bought_in_one_week_is_one_basket() -> None:
    weights = personal_vector("values ('a', 'milk', 12), ('a', 'tea', 12), ('a', 'milk', 11)")
    assert weights == pytest.approx({"milk": (1 + 0.9) / 3, "tea": 1 / 3}, abs=1e-6)


def test_all_products_are_divided_by_the_baskets_of_the_customer() -> None:
    weights = personal_vector("select 'a', if(week = 12, 'tea', 'milk'), week from range(9, 13) as r(week)")
    assert weights["tea"] == pytest.approx(1 / 6, abs=1e-6)


def test_the_pool_is_drawn_from_all_customers_and_alike_in_every_build() -> None:
    customers = [f"c{i:02}" for i in range(40)]
    own = [(customer, f"p{customer[1:]}", 1.0) for customer in customers]
    table = vectors([(customer, "milk", 1.0) for customer in customers] + own)
    config = TifuKnnConfig(neighbours=40, pool=10, minimum_customers=1)
    first, second = (tifu_knn.score(table, pa.array(["c00"]), 40, config) for _ in range(2))
    assert first.equals(second)
    proposed = {row["product_id"] for row in first.to_pylist() if not row["is_repeat"]}
    assert 9 <= len(proposed) <= 10
    assert max(proposed) > "p20"
