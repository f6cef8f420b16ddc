"""Means, intervals and gains of the ranking protocol."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from grocery_recommender import confidence, ranking
from grocery_recommender.prediction_weeks import PredictionWeek


def weeks_up_to(test_week: int) -> list[PredictionWeek]:
    roles = {test_week - 1: "validation", test_week: "test", test_week + 1: "score"}
    return [PredictionWeek(week, week, role, 1, week - 1, week, "", "") for week, role in roles.items()]


def test_performance_of_models_scopes_and_lengths() -> None:
    connection = duckdb.connect()
    models = ("lightgbm_lambdarank", *ranking.BASELINES)
    connection.execute(
        f"""
        create table metrics as
        select 12 as prediction_week, model_name, scope, cutoff, 'c' || i as customer_id, 100 as candidates,
            case model_name when 'lightgbm_lambdarank' then 0.6 when 'tifu_knn' then 0.5 else 0.1 end
                * (1 + i % 2) / 2 as value,
            value as recall, value as capped_recall, value as list_precision, value as ndcg,
            value as average_precision, 1 as hit
        from (select unnest({list(models)}) as model_name) as m, (select unnest(['all', 'new']) as scope) as s,
            (select unnest([5, 10]) as cutoff) as k, range(40) as r(i)
        where scope = 'all' or i < 10
        """
    )
    rows = {
        (row["model_name"], row["metric"]): row
        for row in ranking.performance(connection, weeks_up_to(12), "select * from metrics").to_pylist()
    }
    learnt = rows["lightgbm_lambdarank", "ndcg@10"]
    assert learnt["metric_value"] == pytest.approx(0.45)
    assert learnt["lower_bound"] < 0.45 < learnt["upper_bound"]
    assert (learnt["customers"], learnt["pairs"]) == (40, 4000)
    assert rows["lightgbm_lambdarank", "ndcg@10_new"]["customers"] == 10
    # Every customer gains a fifth over the best baseline: the paired interval knows it, whoever is drawn.
    gain = rows["lightgbm_lambdarank", "ndcg@5_gain"]
    assert [gain[n] for n in ("metric_value", "lower_bound", "upper_bound")] == pytest.approx([0.2, 0.2, 0.2])
    assert ("tifu_knn", "ndcg@5_gain") not in rows


def test_a_gain_over_a_baseline_that_some_draws_do_not_know_has_no_bounds() -> None:
    """The best baseline hits two of 40 customers: one draw in eight holds neither."""
    connection = duckdb.connect()
    models = ("lightgbm_lambdarank", *ranking.BASELINES)
    connection.execute(
        f"""
        create table metrics as
        select 12 as prediction_week, model_name, 'new' as scope, 10 as cutoff, 'c' || i as customer_id,
            10 as candidates,
            cast(i < case model_name when 'lightgbm_lambdarank' then 3 when 'tifu_knn' then 2 else 0 end as double)
                as value,
            value as recall, value as capped_recall, value as list_precision, value as ndcg,
            value as average_precision, 1 as hit
        from (select unnest({list(models)}) as model_name) as m, range(40) as r(i)
        """
    )
    rows = {
        (row["model_name"], row["metric"]): row
        for row in ranking.performance(connection, weeks_up_to(12), "select * from metrics").to_pylist()
    }
    gain = rows["lightgbm_lambdarank", "ndcg@10_new_gain"]
    assert (gain["metric_value"], gain["lower_bound"], gain["upper_bound"]) == (pytest.approx(0.5), None, None)
    assert rows["lightgbm_lambdarank", "ndcg@10_new"]["upper_bound"] is not None
    # Whoever is drawn, all are hit.
    assert rows["lightgbm_lambdarank", "hit@10_new_gain"]["upper_bound"] == 0


def test_no_customers_give_no_rows() -> None:
    query = "select 1 as prediction_week, '' as customer_id where false"
    assert ranking.performance(duckdb.connect(), weeks_up_to(12), query).num_rows == 0


def test_a_test_week_without_shoppers_gives_no_figures_to_the_week_before() -> None:
    """The mart would forget all else that it has kept of that week."""
    connection = duckdb.connect()
    values = ", ".join(f"0.5::double as {column}" for column in ranking.METRICS.values())
    measured = f"""
        select 11 as prediction_week, model_name, 'all' as scope, 10 as cutoff, 'ann' as customer_id, 10 as candidates,
            {values}
        from (select unnest({list(ranking.BASELINES)}) as model_name)
    """
    assert ranking.performance(connection, weeks_up_to(12), measured).num_rows == 0
    published = f"select * replace ('published' as model_name) from ({measured})"
    assert ranking.published_performance(connection, weeks_up_to(12), published, measured).num_rows == 0
    assert ranking.published_performance(connection, weeks_up_to(11), published, measured).num_rows > 0


def test_weeks_are_pooled_with_whole_customers() -> None:
    """Customer 0 shops in both weeks, the others in one: each customer's week weighs the same."""
    connection = duckdb.connect()
    models = ("lightgbm_lambdarank", *ranking.BASELINES)
    connection.execute(
        f"""
        create table metrics as
        select week as prediction_week, model_name, 'all' as scope, 10 as cutoff, 'c' || i as customer_id,
            10 as candidates, case when model_name = 'lightgbm_lambdarank' then 2 else 1 end
                * cast(case when i = 0 and week = 11 then 0.4 when i = 0 then 0.1 else 0.25 end as double) as value,
            value as recall, value as capped_recall, value as list_precision, value as ndcg,
            value as average_precision, 1 as hit
        from (select unnest({list(models)}) as model_name) as m, (select unnest([11, 12]) as week) as w,
            range(4) as r(i)
        where i = 0 or i % 2 = week % 2
        """
    )
    rows = {
        (row["protocol"], row["model_name"], row["metric"]): row
        for row in ranking.performance(connection, weeks_up_to(12), "select * from metrics").to_pylist()
    }
    assert {(row["prediction_week"], row["week_role"]) for row in rows.values()} == {(12, "test")}
    latest = rows["ranking", "lightgbm_lambdarank", "ndcg@10"]
    assert (latest["metric_value"], latest["customers"]) == (pytest.approx(2 * (0.1 + 0.25) / 2), 2)
    pooled = rows["ranking_pooled", "lightgbm_lambdarank", "ndcg@10"]
    assert (pooled["metric_value"], pooled["customers"]) == (pytest.approx(2 * (0.4 + 0.1 + 3 * 0.25) / 5), 4)
    gain = rows["ranking_pooled", "lightgbm_lambdarank", "ndcg@10_gain"]
    assert [gain[n] for n in ("metric_value", "lower_bound", "upper_bound")] == pytest.approx([1, 1, 1])
    weeks = rows["ranking_pooled", "lightgbm_lambdarank", "weeks"]
    assert (weeks["metric_value"], weeks["customers"], weeks["pairs"], weeks["lower_bound"]) == (2, 4, 50, None)
    assert all(row["customers"] and row["pairs"] for row in rows.values())


def test_what_is_read_grows_with_customers_and_not_with_their_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = duckdb.connect()
    values = ", ".join(f"0.5::double as {column}" for column in ranking.METRICS.values())
    connection.execute(
        f"""
        create table metrics as
        select week as prediction_week, model_name, 'all' as scope, 10 as cutoff, 'ann' as customer_id,
            10 as candidates, {values}
        from (select unnest({list(ranking.BASELINES)}) as model_name) as m, range(11, 20) as w(week)
        """
    )
    read = []
    of_scope = ranking._scope_performance
    monkeypatch.setattr(
        ranking, "_scope_performance", lambda rows, scope: read.append(len(rows)) or of_scope(rows, scope)
    )
    ranking.performance(connection, weeks_up_to(19), "select * from metrics")
    assert read == [len(ranking.BASELINES)] * 2


def test_published_lists_are_held_against_the_baselines_of_their_weeks() -> None:
    connection = duckdb.connect()
    columns = "prediction_week, model_name, 'all' as scope, 10 as cutoff, 'c' || i as customer_id, 10 as candidates"
    values = ", ".join(f"value as {column}" for column in ranking.METRICS.values())
    connection.execute(
        f"""
        create table metrics as select {columns}, {values}
        from (select unnest({list(ranking.BASELINES)}) as model_name) as m,
            (values (11, 0.5::double), (12, 0.25)) as w(prediction_week, value), range(3) as r(i);
        create table published as select {columns}, {values}
        from (values (12, 'published', 0.375::double)) as w(prediction_week, model_name, value), range(3) as r(i)
        """
    )
    rows = ranking.published_performance(
        connection, weeks_up_to(12), "select * from published", "select * from metrics"
    ).to_pylist()
    assert {(row["protocol"], row["model_name"]) for row in rows} == {("ranking", "published")}
    figures = {row["metric"]: row["metric_value"] for row in rows}
    assert (figures["ndcg@10"], figures["ndcg@10_gain"]) == pytest.approx((0.375, 0.5))


def test_without_lists_for_the_test_week_the_published_ones_have_no_figures() -> None:
    """Under an earlier week they would take the place of all that the mart has kept of it."""
    connection = duckdb.connect()
    columns = "prediction_week, model_name, 'all' as scope, 10 as cutoff, 'c' || i as customer_id, 10 as candidates"
    values = ", ".join(f"0.5::double as {column}" for column in ranking.METRICS.values())
    connection.execute(
        f"""
        create table metrics as select {columns}, {values}
        from (select unnest({list(ranking.BASELINES)}) as model_name) as m,
            (values (50), (51), (53)) as w(prediction_week), range(3) as r(i);
        create table published as select {columns}, {values}
        from (values (50, 'published'), (51, 'published')) as w(prediction_week, model_name), range(3) as r(i)
        """
    )
    published, metrics = "select * from published", "select * from metrics"
    assert ranking.published_performance(connection, weeks_up_to(53), published, metrics).num_rows == 0
    until_51 = ranking.published_performance(
        connection, weeks_up_to(51), published, f"{metrics} where prediction_week < 53"
    )
    assert {(row["prediction_week"], row["protocol"]) for row in until_51.to_pylist()} == {
        (51, "ranking"),
        (51, "ranking_pooled"),
    }


MODELS = ("lightgbm_lambdarank", *ranking.BASELINES)


def measured(customers: str, value: str) -> tuple[duckdb.DuckDBPyConnection, str]:
    """The same value for every metric and model, of the customers ``i`` and weeks that a condition keeps."""
    connection = duckdb.connect()
    values = ", ".join(f"cast({value} as double) as {column}" for column in ranking.METRICS.values())
    connection.execute(
        f"""
        create table metrics as
        select week as prediction_week, model_name, 'all' as scope, 10 as cutoff, format('c{{:02}}', i) as customer_id,
            10 as candidates, {values}
        from (select unnest({list(MODELS)}) as model_name), (select unnest([11, 12]) as week), range(40) as r(i)
        where {customers}
        """
    )
    return connection, "from metrics"


def test_each_week_of_a_customer_weighs_the_same_when_weeks_are_pooled() -> None:
    connection, query = measured("i = 0 or (i < 4 and week = 12)", "if(i = 0, 0.8, 0.2)")
    rows = ranking.performance(connection, weeks_up_to(12), query).to_pylist()
    (pooled,) = (
        row["metric_value"]
        for row in rows
        if (row["protocol"], row["model_name"], row["metric"]) == ("ranking_pooled", MODELS[0], "ndcg@10")
    )
    assert pooled == pytest.approx((2 * 0.8 + 3 * 0.2) / 5)


def test_whoever_is_drawn_a_mean_of_equal_values_is_sure() -> None:
    connection, query = measured("i = 0 or (i < 4 and week = 12)", "0.5")
    rows = ranking.performance(connection, weeks_up_to(12), query).to_pylist()
    assert {(row["lower_bound"], row["upper_bound"]) for row in rows if row["metric"] == "ndcg@10"} == {(0.5, 0.5)}


def test_the_interval_is_that_of_the_confidence_level() -> None:
    connection, query = measured("week = 12", "i / 40")
    rows = ranking.performance(connection, weeks_up_to(12), query).to_pylist()
    row = next(row for row in rows if row["metric"] == "ndcg@10")
    lower, upper = confidence.interval(np.arange(40)[:, None] / 40)
    assert (row["lower_bound"], row["upper_bound"]) == pytest.approx((lower[0], upper[0]))
