"""Full-grid metrics against values worked out by hand."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from grocery_recommender import full_grid


def test_calibration_error_of_equal_bins() -> None:
    probabilities = np.array([0.1, 0.2, 0.8, 0.9])
    labels = np.array([0, 1, 1, 1])
    # Bins {.1, .2} and {.8, .9}: |.15 - .5| and |.85 - 1|, each over half of the pairs.
    assert full_grid.expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(0.25)


def test_perfect_probabilities_have_no_calibration_error() -> None:
    labels = np.array([0, 0, 1, 1])
    assert full_grid.expected_calibration_error(labels.astype(float), labels) == 0


def test_threshold_with_the_best_f1() -> None:
    probabilities = np.array([0.1, 0.4, 0.6, 0.9])
    assert full_grid.best_f1_threshold(probabilities, np.array([0, 1, 0, 1])) == 0.4


def test_metrics_need_both_kinds_of_pairs() -> None:
    with pytest.raises(ValueError, match="pairs that were bought and pairs that were not"):
        full_grid.metrics(np.array([1, 2]), np.array([0.5, 0.5]), np.array([0, 0]), 0.5)


def scores() -> tuple[duckdb.DuckDBPyConnection, str]:
    """A connection with made-up scores of two weeks, and the query for them."""
    connection = duckdb.connect()
    connection.execute(
        """
        create table scores as
        select case when i < 400 then 'validation' else 'test' end as week_role, 9 + i // 400 as prediction_week,
            'c' || i as customer_id, 'p' || i as product_id,
            case when i % 3 = 0 then 'repeat' else 'als' end as candidate_source,
            i % 4 = 0 as was_bought,
            case when i % 4 = 0 then 0.7 else 0.1 end as lightgbm_binary, i % 4 = 0 as good, i % 7 as bad
        from range(800) as r(i)
        """
    )
    query = """
        select *, cast(good as integer) as lightgbm_lambdarank, cast(good as integer) as decayed_frequency,
            bad as tifu_knn,
            case when bad > 3 then bad end as personal_frequency from scores
    """
    return connection, query


def test_performance_of_every_model_on_the_test_week() -> None:
    rows = {(r["model_name"], r["metric"]): r for r in full_grid.performance(*scores()).to_pylist()}
    assert {model for model, _ in rows} == set(full_grid.MODELS)
    assert rows["lightgbm_binary", "auc"]["metric_value"] == 1
    assert rows["lightgbm_binary", "log_loss"]["metric_value"] == pytest.approx(
        -(np.log(0.7) + 3 * np.log(0.9)) / 4, abs=1e-9
    )
    assert rows["lightgbm_binary", "observed_to_expected"]["metric_value"] == pytest.approx(1 / (0.7 + 3 * 0.1))
    assert 0.4 < rows["tifu_knn", "auc"]["metric_value"] < 0.6
    assert rows["tifu_knn", "f1_repeat"]["pairs"] < rows["tifu_knn", "f1"]["pairs"] == 400
    assert {r["prediction_week"] for r in rows.values()} == {10}


@pytest.mark.parametrize("week_role", ["validation", "test"])
def test_pairs_of_which_none_was_bought_get_no_rows(week_role: str) -> None:
    connection, query = scores()
    connection.execute(
        f"update scores set was_bought = false where week_role = '{week_role}' and candidate_source = 'repeat'"
    )
    metrics = {row["metric"] for row in full_grid.performance(connection, query).to_pylist()}
    calibration = {"expected_calibration_error", "observed_to_expected"}
    assert metrics == {"auc", "average_precision", "log_loss", "brier_score", "f1"} | calibration
    connection.execute(f"update scores set was_bought = false where week_role = '{week_role}'")
    assert full_grid.performance(connection, query).num_rows == 0
    connection.execute(f"delete from scores where week_role = '{week_role}'")
    assert full_grid.performance(connection, query).num_rows == 0


def test_pairs_of_one_probability_share_a_bin() -> None:
    labels = np.array([0, 0, 1, 1])
    assert full_grid.expected_calibration_error(np.full(4, 0.5), labels, bins=2) == 0


def test_a_score_that_nobody_bought_at_is_not_certain() -> None:
    connection, query = scores()
    connection.execute("update scores set was_bought = true where customer_id = 'c799'")
    rows = {
        (r["model_name"], r["metric"]): r["metric_value"] for r in full_grid.performance(connection, query).to_pylist()
    }
    # One pair of 400 at the lowest score: no more than ln(402) over all.
    assert rows["decayed_frequency", "log_loss"] < np.log(402) / 400 + 0.003


def test_a_missing_score_means_the_same_in_both_weeks() -> None:
    connection, query = scores()
    # A week later all that was bought has been bought once more: a pair without a score has not become like it.
    query = f"select * replace (case when good then prediction_week end as personal_frequency) from ({query})"
    rows = full_grid.performance(connection, query).to_pylist()
    (log_loss,) = (
        row["metric_value"] for row in rows if (row["model_name"], row["metric"]) == ("personal_frequency", "log_loss")
    )
    assert log_loss < 0.01


def quarter_bought() -> tuple[duckdb.DuckDBPyConnection, str]:
    """LambdaRank's score means in the test week the opposite of what it means in the validation week."""
    connection = duckdb.connect()
    connection.execute(
        """
        create table scores as
        select case when i < 400 then 'validation' else 'test' end as week_role, 9 + i // 400 as prediction_week,
            'c' || i % 10 as customer_id, 'p' || i as product_id, 'repeat' as candidate_source,
            i % 4 = 0 as was_bought, case when i % 4 = 0 then 0.6 else 0.1 end as lightgbm_binary,
            case when (i % 4 = 0) = (i < 400) then 2 else 1 end as lightgbm_lambdarank,
            1 as decayed_frequency, 1 as tifu_knn, 1 as personal_frequency
        from range(800) as r(i)
        """
    )
    return connection, "from scores"


def figures_of(connection: duckdb.DuckDBPyConnection, query: str) -> dict[tuple[str, str], dict]:
    return {(row["model_name"], row["metric"]): row for row in full_grid.performance(connection, query).to_pylist()}


def test_figures_by_hand() -> None:
    rows = figures_of(*quarter_bought())
    figures = {key: row["metric_value"] for key, row in rows.items()}
    assert figures["lightgbm_binary", "f1"] == 1
    assert figures["lightgbm_binary", "observed_to_expected"] == pytest.approx(1 / (0.6 + 3 * 0.1))
    assert figures["lightgbm_binary", "brier_score"] == pytest.approx((0.4**2 + 3 * 0.1**2) / 4)
    assert rows["lightgbm_binary", "auc"]["customers"] == 10
    # What a score means is learnt from the validation week alone.
    assert figures["lightgbm_lambdarank", "log_loss"] > 3
    assert figures["lightgbm_lambdarank", "f1"] == 0


def test_the_threshold_is_that_of_the_validation_week() -> None:
    connection, query = quarter_bought()
    connection.execute("update scores set lightgbm_binary = 0.3 where week_role = 'test' and was_bought")
    assert figures_of(connection, query)["lightgbm_binary", "f1"]["metric_value"] == 0


def test_bins_of_the_calibration_error_have_equal_mass() -> None:
    probabilities, labels = np.array([0.01, 0.02, 0.03, 0.04]), np.array([0, 0, 1, 1])
    error = full_grid.expected_calibration_error(probabilities, labels, bins=2)
    assert error == pytest.approx((0.015 + 0.965) / 2)


def test_average_precision_is_that_of_the_scores() -> None:
    metrics = full_grid.metrics(np.array([4, 3, 2, 1]), np.full(4, 0.5), np.array([1, 0, 1, 0]), 0.5)
    assert metrics["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
