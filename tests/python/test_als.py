"""ALS: who is alike, joined by id."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from grocery_recommender import als
from grocery_recommender.prediction_weeks import PredictionWeek
from scipy.sparse import csr_matrix

CONFIG = als.AlsConfig(factors=4, iterations=10, regularization=1.0)


def four_tastes(seed: int = 1) -> tuple[pa.Table, pa.Table]:
    """Purchases of customers of four tastes, and held-out purchases of the same customers."""
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(120):
        taste = customer % 4
        for product in random.choice(15, size=10, replace=False):
            rows.append((f"c{customer:03}", f"p{4 * product + taste:02}", float(random.integers(1, 4))))
    order = random.permutation(len(rows))
    shuffled = [rows[i] for i in order]
    cut = len(rows) // 5

    def table(part: list) -> pa.Table:
        columns = map(pa.array, zip(*part, strict=True))
        return pa.table(dict(zip(("customer_id", "product_id", "purchase_weight"), columns, strict=True)))

    return table(shuffled[cut:]), table(shuffled[:cut])


def score(factors: als.Factors, customer: str, product: str) -> float:
    row = factors.customer_ids.to_pylist().index(customer)
    column = factors.product_ids.to_pylist().index(product)
    return float(factors.customer_factors[row] @ factors.product_factors[column])


def test_held_out_purchases_score_far_above_random_pairs() -> None:
    """Factors joined to the wrong products would score both alike."""
    train, held_out = four_tastes()
    factors = als.fit(train, CONFIG)
    bought = [score(factors, r["customer_id"], r["product_id"]) for r in held_out.to_pylist()]
    random = np.random.default_rng(2)
    pairs = zip(random.choice(factors.customer_ids, 500), random.choice(factors.product_ids, 500), strict=True)
    drawn = [score(factors, str(customer), str(product)) for customer, product in pairs]
    assert np.mean([b > d for b in bought for d in drawn]) > 0.8


def test_recent_purchases_decide_what_a_customer_is_proposed() -> None:
    others, _ = four_tastes()
    turned = pa.table(
        {
            "customer_id": ["turned"] * 8,
            "product_id": ["p00", "p04", "p08", "p12", "p01", "p05", "p09", "p13"],
            "purchase_weight": [0.05] * 4 + [1.0] * 4,
        }
    )
    factors = als.fit(pa.concat_tables([others, turned]), CONFIG)
    proposals = als.top_unseen(factors, turned, pa.array(["turned"]), 5)["product_id"].to_pylist()
    assert {int(product[1:]) % 4 for product in proposals} == {1}


def test_row_order_does_not_matter() -> None:
    train, _ = four_tastes()
    shuffled = train.take(pa.array(np.random.default_rng(3).permutation(train.num_rows)))
    first, second = als.fit(train, CONFIG), als.fit(shuffled, CONFIG)
    assert first.product_ids == second.product_ids
    np.testing.assert_array_equal(first.product_factors, second.product_factors)
    np.testing.assert_array_equal(first.customer_factors, second.customer_factors)


def test_factors_survive_the_table() -> None:
    factors = als.fit(four_tastes()[0], CONFIG)
    table = als.rows(factors)
    shuffled = table.take(pa.array(np.random.default_rng(4).permutation(table.num_rows)))
    again = als.from_rows(shuffled)
    assert again.customer_ids == factors.customer_ids
    np.testing.assert_array_equal(again.product_factors, factors.product_factors)


def test_proposals_are_new_and_of_the_customers_taste() -> None:
    train, _ = four_tastes()
    factors = als.fit(train, CONFIG)
    customers = pa.array(["c003", "c000", "unknown"])
    proposals = als.top_unseen(factors, train, customers, 5, batch_size=1)
    seen = set(zip(train["customer_id"].to_pylist(), train["product_id"].to_pylist(), strict=True))
    rows = proposals.to_pylist()
    assert [r["als_rank"] for r in rows] == [1, 2, 3, 4, 5] * 2
    assert [r["customer_id"] for r in rows] == ["c000"] * 5 + ["c003"] * 5
    assert not any((r["customer_id"], r["product_id"]) in seen for r in rows)
    right_taste = [int(r["product_id"][1:]) % 4 == int(r["customer_id"][1:]) % 4 for r in rows]
    assert sum(right_taste) >= 8


def test_a_customer_who_bought_everything_gets_what_is_left() -> None:
    train, _ = four_tastes()
    factors = als.fit(train, CONFIG)
    everything_but_one = pa.table({"customer_id": ["c000"] * 59, "product_id": factors.product_ids.to_pylist()[:-1]})
    proposals = als.top_unseen(factors, everything_but_one, pa.array(["c000"]), 5)
    assert proposals["product_id"].to_pylist() == factors.product_ids.to_pylist()[-1:]


def test_products_with_equal_scores_are_proposed_by_id() -> None:
    products = pa.array([f"p{i:03}" for i in range(200)])
    factors = als.Factors(pa.array(["a", "b"]), products, np.ones((2, 1), np.float32), np.ones((200, 1), np.float32))
    seen = pa.table({"customer_id": ["b"], "product_id": ["p002"]})
    proposals = als.top_unseen(factors, seen, pa.array(["a", "b"]), 5)["product_id"].to_pylist()
    assert proposals == ["p000", "p001", "p002", "p003", "p004", "p000", "p001", "p003", "p004", "p005"]


def test_proposals_do_not_depend_on_who_else_is_asked_for() -> None:
    """Many products lie close together, closer than single precision adds up alike in batches of another size."""
    generator = np.random.default_rng(6)
    customers, products = pa.array([f"c{i:03}" for i in range(200)]), pa.array([f"p{i:04}" for i in range(3000)])
    taste = generator.normal(size=(1, 64)) + generator.normal(size=(200, 64)) / 10
    likeness = generator.normal(size=(1, 64)) + generator.normal(size=(3000, 64)) / 1e5
    factors = als.Factors(customers, products, taste.astype(np.float32), likeness.astype(np.float32))
    seen = pa.table({"customer_id": ["c000"], "product_id": ["p0002"]})
    together = als.top_unseen(factors, seen, customers, 100)
    assert together.equals(als.top_unseen(factors, seen, customers, 100, batch_size=1))


def test_where_no_product_has_enough_customers_nobody_has_factors_or_proposals() -> None:
    nothing = four_tastes()[0].slice(0, 0)
    stored = als.from_rows(als.rows(als.fit(nothing, CONFIG)))
    assert len(stored.customer_ids) == len(stored.product_ids) == 0
    assert als.top_unseen(stored, four_tastes()[0], pa.array(["c000"]), 5).num_rows == 0


def test_confidence_grows_with_the_logarithm_of_the_purchases(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Watched:
        def __init__(self, **_: object) -> None: ...

        def fit(self, confidence: csr_matrix, **_: object) -> None:
            seen.append(confidence.toarray())
            self.user_factors, self.item_factors = (np.zeros((count, 4)) for count in confidence.shape)

    monkeypatch.setattr(als, "AlternatingLeastSquares", Watched)
    purchases = {"customer_id": ["a", "a"], "product_id": ["p", "q"], "purchase_weight": [1.0, 3.0]}
    als.fit(pa.table(purchases), als.AlsConfig(alpha=2.0))
    np.testing.assert_allclose(seen[0], [[2 * np.log(2), 2 * np.log(4)]], rtol=1e-6)


def test_a_week_counts_half_after_eight_and_products_need_five_buyers() -> None:
    week = PredictionWeek(20, 20, "score", 2, 19, 20, "", "")
    rows = [(f"c{n}", "five", 19) for n in range(5)] + [(f"c{n}", "four", 19) for n in range(4)]
    rows += [("c0", "five", week_index) for week_index in (11, 1, 20)]  # the last two lie outside the window
    connection = duckdb.connect()
    connection.execute("create table purchases (customer_id varchar, product_id varchar, week_index int)")
    connection.executemany("insert into purchases values (?, ?, ?)", rows)
    weights = {row[:2]: row[2] for row in connection.sql(als.purchases_sql("from purchases", week)).fetchall()}
    assert weights == {("c0", "five"): 1.5} | {(f"c{n}", "five"): 1.0 for n in range(1, 5)}
