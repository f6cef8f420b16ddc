"""The profile of the features, on made-up columns whose figures are known."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from grocery_recommender import feature_profile
from grocery_recommender.feature_profile import Distribution
from grocery_recommender.prediction_weeks import PredictionWeek

WEEKS = [
    PredictionWeek(week, week, role, 1, week - 1, None, "", "")
    for week, role in ((10, "train"), (11, "validation"), (12, "test"), (13, "score"))
]


def unweighted(values: np.ndarray) -> Distribution:
    return Distribution.of(values, np.ones(len(values)))


def test_stability_is_zero_for_the_same_and_grows_with_the_shift() -> None:
    values = np.arange(1000.0)
    same, little, much = (
        feature_profile.population_stability_index(unweighted(values), unweighted(values + shift))
        for shift in (0, 50, 400)
    )
    assert same == 0
    assert 0 < little < 0.25 < much


def test_stability_by_hand() -> None:
    """Half of the pairs are missing later, none before: (.5 - .0001) ln(.5 / .0001) and (1 - .5) ln(1 / .5)."""
    before, after = unweighted(np.ones(4)), unweighted(np.array([1, 1, np.nan, np.nan]))
    index = feature_profile.population_stability_index(before, after)
    assert index == pytest.approx(0.4999 * np.log(5000) + 0.5 * np.log(2), abs=1e-9)


def test_quantiles_weigh_rows() -> None:
    distribution = Distribution.of(np.array([3.0, 1.0, np.nan, 2.0]), np.array([1.0, 8.0, 100.0, 1.0]))
    assert distribution.quantiles(np.array([0.5, 0.85, 1])).tolist() == [1, 2, 3]
    assert Distribution.of(np.array([np.nan]), np.ones(1)).quantiles(np.array([0.5])).size == 0


def test_bins_hold_their_upper_edges() -> None:
    values, weights = np.array([0.0, 1.0, 2.0, 2.0, 9.0, np.nan]), np.array([1.0, 2.0, 3.0, 1.0, 2.0, 1.0])
    shares = Distribution.of(values, weights).bin_shares(np.array([1.0, 1.5, 2.0]))
    assert shares.tolist() == [0.3, 0, 0.4, 0.2, 0.1]


def test_squared_correlation_is_that_of_the_weighted_pairs() -> None:
    values = np.array([0.0, 1.0, 1.0, np.nan])
    was_bought = np.array([0.0, 1.0, 0.0, 1.0])
    repeated = np.repeat(values[:3], [3, 2, 1]), np.repeat(was_bought[:3], [3, 2, 1])
    expected = np.corrcoef(*repeated)[0, 1] ** 2
    weights = np.array([3.0, 2.0, 1.0, 5.0])
    assert feature_profile.squared_correlation(values, weights, was_bought) == pytest.approx(expected, abs=1e-9)


def test_redundant_features_share_a_cluster_named_by_the_strongest() -> None:
    random = np.random.default_rng(1)
    signal, other = random.normal(size=500), random.normal(size=500)
    columns = {
        "signal": signal,
        "negated": -signal,
        "other": other,
        "constant": np.ones(500),
        "missing": np.full(500, np.nan),
    }
    strengths = {"signal": 0.1, "negated": 0.2, "other": 0.3, "constant": 0, "missing": 0}
    assert feature_profile.redundancy_clusters(columns, np.ones(500), strengths) == {
        "other": {"redundancy_cluster": 1, "is_strongest_of_cluster": True},
        "negated": {"redundancy_cluster": 2, "is_strongest_of_cluster": True},
        "signal": {"redundancy_cluster": 2, "is_strongest_of_cluster": False},
    }


def test_profile_of_all_roles() -> None:
    connection = duckdb.connect()
    connection.execute(
        """
        create table examples as
        select cast(10 + range % 3 as integer) as prediction_week, cast(range // 3 as varchar) as customer_id,
            'tea' as product_id, range % 5 = 0 as was_bought,
            cast(case when range % 5 = 0 then 1 else 20 end as float) as example_weight,
            cast(case when range % 5 = 0 then 3 when range % 5 = 1 then null else range % 5 end as float) as visits,
            cast(null as float) as age
        from range(3000)
        """
    )
    connection.execute(
        "create table candidates as select cast(13 as integer) as prediction_week, customer_id, product_id,"
        " cast(7 as float) as visits, age from examples where prediction_week = 10"
    )
    examples, candidates = ("select * from examples",) * 2, ("select * from candidates",) * 2
    profile = feature_profile.feature_profile(connection, WEEKS, examples, candidates)
    assert profile.schema == feature_profile.SCHEMA
    rows = {(row["week_role"], row["feature"]): row for row in profile.to_pylist()}
    assert len(rows) == 8
    visits = rows["train", "visits"]
    # Of the weight 81 of five rows, 20 are missing; 2, 3 and 4 weigh 20 each, and the 3 of the bought one 1.
    assert visits["pairs"] == 1000
    assert visits["missing_share"] == pytest.approx(20 / 81, abs=1e-9)
    assert visits["distinct_values"] == 3
    assert visits["mean"] == pytest.approx(3)
    assert visits["standard_deviation"] == pytest.approx(np.sqrt(40 / 61), abs=1e-9)
    assert (visits["quantile_05"], visits["quantile_50"], visits["quantile_95"]) == (2, 3, 4)
    assert visits["population_stability_index"] == 0
    assert visits["is_strongest_of_cluster"]
    assert rows["score", "visits"]["population_stability_index"] > 0.25
    assert rows["score", "visits"]["squared_correlation"] is None
    age = rows["test", "age"]
    assert (age["missing_share"], age["distinct_values"], age["mean"], age["redundancy_cluster"]) == (1, 0, None, None)


def test_what_differs_between_customers_has_not_shifted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a thousand customers has an age and forty products; all come back each week, half of them in the last."""
    monkeypatch.setattr(feature_profile, "PAIRS", 2_000)
    connection = duckdb.connect()
    connection.execute(
        """
        create table pairs as
        select cast(week as integer) as prediction_week, 'c' || customer as customer_id, 'p' || product as product_id,
            customer % 7 = 0 and product = 0 as was_bought, cast(1 as float) as example_weight,
            cast(hash(customer) % 90 as float) as age
        from range(10, 14) as weeks(week) cross join range(1000) as customers(customer)
        cross join range(40) as products(product)
        where week <> 13 or hash(customer, 1) % 2 = 0
        """
    )
    profile = feature_profile.feature_profile(connection, WEEKS, *(("select * from pairs",) * 2,) * 2)
    shifts = {row["week_role"]: row["population_stability_index"] for row in profile.to_pylist()}
    assert shifts.keys() == {"train", "validation", "test", "score"}
    assert max(shifts.values()) < 0.1


def test_features_say_the_same_where_the_weight_lies() -> None:
    random = np.random.default_rng(1)
    signal, noise = random.normal(size=500), random.normal(size=500)

    def clusters(other: np.ndarray, weights: np.ndarray) -> set[int]:
        found = feature_profile.redundancy_clusters({"a": signal, "b": other}, weights, {"a": 2, "b": 1})
        return {row["redundancy_cluster"] for row in found.values()}

    assert clusters(signal + noise, np.ones(500)) == {1, 2}  # correlated by about .7
    heavy = np.arange(500) < 250
    assert clusters(np.where(heavy, signal, noise), np.where(heavy, 1e6, 1)) == {1}
