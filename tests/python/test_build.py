"""The whole path, from files to recommendations, on a small shop."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import conftest
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from conftest import FEW_EXAMPLES, LISTS, Warehouse, cut_complete_journey, fingerprints
from grocery_recommender import als, balanced_sample, prediction_weeks, tune
from grocery_recommender.benchmarks import features

PAST_WEEK = 50
# Bananas: what most households buy.
FAVOURITE = "1082185"
HOLDOUT_SHARE = 0.2
BUILT_SCHEMAS = ("staging", "core", "grid", "features", "ml", "marts")


@pytest.fixture(scope="module")
def full_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Three hundred households with their whole year."""
    folder = tmp_path_factory.mktemp("full")
    data = cut_complete_journey(folder / "data", households=300)
    warehouse = Warehouse(folder, {"complete_journey_path": str(data), **FEW_EXAMPLES})
    warehouse.build()
    return warehouse


@pytest.fixture(scope="module")
def past_week_from_full_data(full_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Week 50 re-made, with offers and open baskets of our own, and a fifth of the customers without lists."""
    folder = tmp_path_factory.mktemp("past")
    (folder / "offers.csv").write_text(f"product,week,price\n{FAVOURITE},{PAST_WEEK},0.05\nnonsense,{PAST_WEEK},1\n")
    shoppers = full_warehouse.query(
        f"select distinct customer_id from core.fct_basket_items where week = {PAST_WEEK - 1} order by 1 limit 40"
    )
    baskets = "".join(f"{customer},{FAVOURITE}\n" for (customer,) in shoppers)
    (folder / "baskets.csv").write_text(f"customer,product\n{baskets}nobody,{FAVOURITE}\n")
    variables = full_warehouse.variables | {
        "target_week": PAST_WEEK,
        "holdout_share": HOLDOUT_SHARE,
        "offers_path": str(folder / "offers.csv"),
        "open_baskets_path": str(folder / "baskets.csv"),
    }
    warehouse = Warehouse(folder, variables)
    warehouse.build(*LISTS, with_tests=False)
    return warehouse


def test_every_active_customer_gets_a_full_list(full_warehouse: Warehouse) -> None:
    lists = full_warehouse.query(
        """
        select active.customer_id, count(recommendations.product_id), max(rank)
        from grid.active_customers as active
        left join marts.recommendations as recommendations
            on active.customer_id = recommendations.customer_id
            and active.prediction_week = recommendations.target_week
        where active.prediction_week = 54 group by all
        """
    )
    assert len(lists) > 200
    assert {(rows, last_rank) for _, rows, last_rank in lists} == {(50, 50)}


def test_reasons_agree_with_the_purchases(full_warehouse: Warehouse) -> None:
    ((wrong, timed, untimed),) = full_warehouse.query(
        """
        with purchases as (
            select customer_id, product_id, count(distinct basket_id) filter (week between 2 and 53) as baskets,
                case when baskets > 0 then datediff('day', max(purchased_on), date '2018-01-01') end as days_since
            from core.fct_basket_items group by all
        ),
        judged as (
            select
                contains(lower(reason), case
                    when baskets = 1 then 'bought once in' when baskets > 1 then 'bought ' || baskets || ' times in'
                    when baskets = 0 then 'not bought in the last 52 weeks' else 'new to you'
                end) as says_history,
                contains(lower(reason), 'last bought') as says_timing,
                contains(lower(reason), case days_since
                    when 1 then 'last bought the day before' else 'last bought ' || days_since || ' days before'
                end) as says_days_since
            from marts.recommendations left join purchases using (customer_id, product_id)
        )
        select count(*) filter (not says_history or says_timing and says_days_since is not true),
            count(*) filter (says_timing), count(*) filter (not says_timing)
        from judged
        """
    )
    assert wrong == 0
    assert timed > 100
    assert untimed > 100


def test_reasons_lead_with_what_moved_the_probability(full_warehouse: Warehouse) -> None:
    """And the contributions of a pair go with the log odds of its probability, of which the booster has most."""
    ((pairs, correlation, led_by_timing, agreed),) = full_warehouse.query(
        """
        with explained as (
            select *, ln(purchase_probability / (1 - purchase_probability)) as log_odds,
                history_contribution + timing_contribution + offer_contribution + likeness_contribution
                    + product_contribution + customer_contribution as contribution
            from products.item_contributions
            inner join marts.recommendations using (customer_id, product_id)
            where target_week = 54
        )
        select count(*), corr(log_odds, contribution),
            count(*) filter (starts_with(reason, 'About every') or starts_with(reason, 'Last bought')),
            count(*) filter (timing_contribution > 0 and timing_contribution > history_contribution
                and (starts_with(reason, 'About every') or starts_with(reason, 'Last bought')))
        from explained
        """
    )
    assert pairs == full_warehouse.query("select count(*) from marts.recommendations where target_week = 54")[0][0]
    assert correlation > 0.97
    assert agreed == led_by_timing > 0


def test_offers_in_reasons_are_those_of_the_week(past_week_from_full_data: Warehouse) -> None:
    mentioned, mentioned_in_mailer, unmentioned_though_it_counts = past_week_from_full_data.query(
        """
        with mailer as (
            select product_id from core.fct_promotions
            where week = 50 and offer_type = 'mailer' and store_share >= 0.1
        )
        select count(*) filter (contains(lower(reason), 'mailer')),
            count(*) filter (contains(lower(reason), 'mailer') and mailer.product_id is not null),
            count(*) filter (
                not contains(lower(reason), 'mailer') and mailer.product_id is not null and offer_contribution > 0
            )
        from marts.recommendations
        inner join products.item_contributions using (customer_id, product_id)
        left join mailer using (product_id)
        """
    )[0]
    assert mentioned == mentioned_in_mailer > 0
    assert unmentioned_though_it_counts == 0


def test_an_offer_of_our_own_is_in_the_flyers_and_bad_lines_are_kept_apart(past_week_from_full_data: Warehouse) -> None:
    offers = past_week_from_full_data.query(
        "select offer_type, offer_price, usual_price, saving from marts.personal_flyers where product_id = ?", FAVOURITE
    )
    assert len(offers) > 20
    for offer_type, offer_price, usual_price, saving in offers:
        assert (offer_type, float(offer_price)) == ("supplied", 0.05)
        assert saving == usual_price - offer_price > 0
    rejected = past_week_from_full_data.query(
        "select file_name, line_number, raw_line, reason from marts.rejected_rows where file_name like '%.csv'"
    )
    assert sorted(rejected) == [
        ("baskets.csv", 41, f"nobody,{FAVOURITE}", "unknown_customer"),
        ("offers.csv", 2, f"nonsense,{PAST_WEEK},1", "unknown_product"),
    ]


def test_open_baskets_are_reminded_of_what_they_lack(past_week_from_full_data: Warehouse) -> None:
    reminders = past_week_from_full_data.query("select customer_id, product_id from marts.forgotten_items")
    basket = {
        line.split(",")[0]
        for line in Path(str(past_week_from_full_data.variables["open_baskets_path"])).read_text().splitlines()[1:]
    }
    assert len(reminders) > 20
    assert {customer for customer, _ in reminders} <= basket
    assert FAVOURITE not in {product for _, product in reminders}


def test_the_control_group_gets_nothing_and_is_remembered(past_week_from_full_data: Warehouse) -> None:
    held_out, customers = past_week_from_full_data.query(
        "select count(distinct customer_id) filter (is_held_out), count(distinct customer_id)"
        " from products.recommended_items"
    )[0]
    assert 0.1 < held_out / customers < 0.3
    for mart in ("recommendations", "shopping_lists", "personal_flyers", "forgotten_items"):
        ((listed,),) = past_week_from_full_data.query(
            f"select count(*) from marts.{mart} semi join (from products.recommended_items where is_held_out)"
            " using (customer_id)"
        )
        assert listed == 0, mart


def test_every_line_is_loaded_rejected_or_repeated(full_warehouse: Warehouse) -> None:
    lines, loaded, rejected, duplicates = full_warehouse.query(
        "select lines, loaded, rejected, duplicates from marts.row_reconciliation"
    )[0]
    ((facts,),) = full_warehouse.query("select count(*) from core.fct_basket_items")
    ((reasons,),) = full_warehouse.query("select count(*) from marts.rejected_rows")
    assert (loaded, rejected) == (facts, reasons)
    assert lines == loaded + rejected + duplicates
    assert rejected > 0


def test_performance_is_measured_beside_baselines(full_warehouse: Warehouse) -> None:
    ndcg = dict(
        full_warehouse.query(
            "select model_name, metric_value from marts.model_performance"
            " where protocol = 'ranking' and metric = 'ndcg@10' and prediction_week = 53"
        )
    )
    assert ndcg["lightgbm_lambdarank"] > ndcg["tifu_knn"] > ndcg["popularity"] > 0
    log_loss, auc = (
        dict(
            full_warehouse.query(
                "select model_name, metric_value from marts.model_performance"
                " where protocol = 'full_grid' and metric = ? and prediction_week = 53",
                metric,
            )
        )
        for metric in ("log_loss", "auc")
    )
    counting = ("tifu_knn", "personal_frequency", "decayed_frequency")
    assert log_loss["lightgbm_binary"] < min(log_loss[model] for model in counting)
    assert auc["lightgbm_binary"] > max(auc[model] for model in counting)
    metrics = {metric for (metric,) in full_warehouse.query("select distinct metric from marts.model_performance")}
    assert {"recall@10", "recall@20", "ndcg@10", "precision@10", "hit@10"} <= metrics
    assert {"auc", "average_precision", "log_loss"} <= metrics


def test_the_balanced_sample_is_measured_on_customers_that_nobody_learnt_from(full_warehouse: Warehouse) -> None:
    """Its counts, and the figures of the rule "bought in the window", are those that the grid gives."""
    measured = """
        select pairs.*, exists (
            select 1 from grid.customer_item_weeks as bought
            where bought.customer_id = pairs.customer_id and bought.product_id = pairs.product_id
                and bought.week_index = prediction_week_index
        ) as bought_now, exists (
            select 1 from grid.customer_item_weeks as bought
            where bought.customer_id = pairs.customer_id and bought.product_id = pairs.product_id
                and bought.week_index between window_first_week_index and window_last_week_index
        ) as bought_before
        from ml.balanced_pairs as pairs
        inner join grid.prediction_weeks using (prediction_week)
        where week_role = 'test'
    """
    ((mislabelled, pairs, purchases, true_positives, positives),) = full_warehouse.query(
        f"""
        select count(*) filter (was_bought <> bought_now), count(*) filter (is_held_out_customer),
            count(*) filter (is_held_out_customer and was_bought),
            count(*) filter (is_held_out_customer and was_bought and bought_before),
            count(*) filter (is_held_out_customer and bought_before)
        from ({measured})
        """
    )
    assert mislabelled == 0
    on_both_sides = (
        "select customer_id from ml.balanced_pairs group by all having count(distinct is_held_out_customer) > 1"
    )
    assert not full_warehouse.query(on_both_sides)
    unbalanced = """
        select prediction_week, product_id from ml.balanced_pairs group by all
        having count(*) <> 2 * count(*) filter (was_bought)
    """
    assert not full_warehouse.query(unbalanced)
    figures = "select model_name, metric, metric_value, pairs from ml.balanced_performance"
    values = {
        (model, metric): value for model, metric, value, counted in full_warehouse.query(figures) if counted == pairs
    }
    models = {"bought_in_window", "lightgbm_binary", "logistic_regression", "random_forest"}
    assert {model for model, _ in values} == models
    assert values["bought_in_window", "precision"] == pytest.approx(true_positives / positives)
    assert values["bought_in_window", "recall"] == pytest.approx(true_positives / purchases)
    assert values["lightgbm_binary", "f1"] > values["bought_in_window", "f1"]


def test_other_pairs_of_the_balanced_sample_teach_nothing(full_warehouse: Warehouse) -> None:
    """Neither held-out customers in the week that teaches, nor the others in the week that is measured."""
    with duckdb.connect(str(full_warehouse.path), read_only=True) as connection:
        others_turned_round = """
            select * replace (was_bought <> (is_held_out_customer <> (prediction_week = 53)) as was_bought)
            from ml.balanced_features
        """
        performance = balanced_sample.performance(
            connection,
            prediction_weeks.read(connection.table("grid.prediction_weeks")),
            others_turned_round,
            "select * from ml.classifier_runs",
        )
        stored = connection.sql("select model_name, metric, metric_value from ml.balanced_performance").fetchall()
    assert stored
    assert {(row["model_name"], row["metric"], row["metric_value"]) for row in performance.to_pylist()} == {*stored}


def test_no_run_saw_a_week_that_it_scores(full_warehouse: Warehouse) -> None:
    runs = full_warehouse.query(
        "select distinct target_week, training_weeks from marts.model_runs where is_in_use order by target_week"
    )
    assert runs == [(52, "[48, 49, 50, 51]"), (53, "[49, 50, 51, 52]"), (54, "[50, 51, 52, 53]")]
    scored_by = full_warehouse.query(
        "select distinct prediction_week, target_week from ml.candidate_scores"
        " join marts.model_runs using (model_run_id) order by all"
    )
    assert scored_by == [(52, 52), (53, 53), (54, 54)]


def test_parameters_are_judged_by_whole_lists_of_weeks_that_do_not_teach(full_warehouse: Warehouse) -> None:
    with duckdb.connect(str(full_warehouse.path), read_only=True) as connection:
        teaching, judges = tune.read_weeks(connection)
    weeks = dict(full_warehouse.query("select prediction_week, week_role from grid.prediction_weeks"))
    assert {weeks[week] for week in teaching.weeks} == {"train"}
    assert {weeks[week] for week in judges.weeks} == {"validation", "test"}
    assert teaching.feature_names == judges.feature_names
    ((candidates, bought, lists),) = full_warehouse.query(
        """
        select count(*), count(item_weeks.product_id), count(distinct (prediction_week, candidates.customer_id))
        from ml.candidates
        left join grid.customer_item_weeks as item_weeks
            on candidates.customer_id = item_weeks.customer_id
            and candidates.product_id = item_weeks.product_id
            and prediction_week = item_weeks.week
        where prediction_week in (
            select prediction_week from grid.prediction_weeks where week_role in ('validation', 'test')
        )
        """
    )
    assert (len(judges.weights), judges.was_bought.sum(), len(judges.group_sizes())) == (candidates, bought, lists)


def test_a_second_build_changes_nothing(full_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its vars say what held before, or what no row depends on."""
    before = fingerprints(full_warehouse, BUILT_SCHEMAS)
    for name, value in {"observation_weeks": 52, "max_rejected_share": 0.02, "customers_at_a_time": 90}.items():
        monkeypatch.setitem(full_warehouse.variables, name, value)
    full_warehouse.build(with_tests=False)
    assert fingerprints(full_warehouse, BUILT_SCHEMAS) == before


def test_a_measured_week_is_pooled_until_its_purchases_are_corrected(full_warehouse: Warehouse, tmp_path: Path) -> None:
    """In week 52 other things than purchases have been corrected since, in 51 these; 50 is of before fingerprints."""
    shutil.copy(full_warehouse.path, tmp_path / "warehouse.duckdb")
    warehouse = Warehouse(tmp_path, full_warehouse.variables)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            """
            insert into ml.ranking_metrics
            select ranking_metrics.* replace (week as prediction_week, fingerprint as week_fingerprint)
            from ml.ranking_metrics,
                (select week,
                    case week
                        when 52 then bit_xor(hash(customer_id, product_id))::varchar
                        when 51 then 'other'
                    end as fingerprint
                from grid.customer_item_weeks where week between 50 and 52 group by week)
            """
        )
        connection.execute("update grid.observed_weeks set build_fingerprint = 'other' where week = 52")
    result = warehouse.dbt("run", "--select", "ranking_metrics")
    assert result.returncode == 0, result.stdout[-6000:]
    assert warehouse.query("select distinct prediction_week from ml.ranking_metrics order by 1") == [(52,), (53,)]


def test_a_past_week_is_remade_as_it_would_have_been(
    full_warehouse: Warehouse, past_week_from_full_data: Warehouse, tmp_path: Path
) -> None:
    data = cut_complete_journey(tmp_path / "data", households=300, last_week=PAST_WEEK - 1)
    supplied = {
        name: past_week_from_full_data.variables[name] for name in ("holdout_share", "offers_path", "open_baskets_path")
    }
    cut = Warehouse(tmp_path, {"complete_journey_path": str(data), **FEW_EXAMPLES} | supplied)
    cut.build("+recommendations", with_tests=False)
    query = "select * exclude (model_run_id) from marts.recommendations order by target_week, customer_id, rank"
    recommendations = cut.query(query)
    assert {row[0] for row in recommendations} == {PAST_WEEK}
    assert recommendations == past_week_from_full_data.query(query)
    # Nor do weeks change with what comes later, two new households among it, or all of them would be made again.
    weeks = f"select week, build_fingerprint from grid.observed_weeks where week < {PAST_WEEK} order by week"
    assert cut.query(weeks) == full_warehouse.query(weeks)


def test_features_see_nothing_of_their_own_week_or_later(
    full_warehouse: Warehouse, past_week_from_full_data: Warehouse
) -> None:
    """Week 50 as a training week, with weeks 50 to 53 in the warehouse, against week 50 as the unknown future."""
    query = (
        "select * exclude (build_fingerprint) from features.candidate_features"
        f" where prediction_week = {PAST_WEEK} order by customer_id, product_id"
    )
    future = {row[1:3]: row for row in past_week_from_full_data.query(query)}
    learnt_from = full_warehouse.query(query)
    assert len(learnt_from) > 1000
    different = [row[1:3] for row in learnt_from if str(row) != str(future[row[1:3]])]
    assert different == []


def test_features_are_the_same_whatever_comes_after(full_warehouse: Warehouse, tmp_path: Path) -> None:
    """From week 50 on everything is changed but what is known in advance, the offers of week 50."""
    before = Path(str(full_warehouse.variables["complete_journey_path"]))
    data = perturb(before, tmp_path / "data", PAST_WEEK)
    perturbed = Warehouse(tmp_path, full_warehouse.variables | {"complete_journey_path": str(data)})
    perturbed.build("+candidate_features", with_tests=False)
    query = (
        "select * exclude (build_fingerprint) from features.candidate_features"
        f" where prediction_week = {PAST_WEEK} order by customer_id, product_id"
    )
    seen = {row[1:3]: str(row) for row in full_warehouse.query(query)}
    seen_after = {row[1:3]: str(row) for row in perturbed.query(query)}
    # Which pairs are sampled depends on what is bought, their features must not.
    common = seen.keys() & seen_after.keys()
    assert len(common) > 1000
    assert [pair for pair in common if seen[pair] != seen_after[pair]] == []
    assert perturbed.query(f"select count(*) from core.fct_basket_items where week >= {PAST_WEEK} and quantity > 2")


def perturb(source: Path, folder: Path, week: int) -> Path:
    """Copy a data folder; from some week on other customers buy other products, more and dearer; later offers move."""
    shutil.copytree(source, folder)
    with duckdb.connect() as connection:
        connection.execute(f"create table t as from '{source}/transactions.parquet'")
        connection.execute(f"create table p as from '{source}/promotions.parquet'")
        for table, last_kept, columns in (
            ("t", week - 1, ("household_id", "product_id")),
            ("p", week, ("product_id",)),
        ):
            for column in columns:
                connection.execute(
                    "create or replace table swap as select old,"
                    " coalesce(lead(old) over (order by md5(old::varchar)), old) as new"
                    f" from (select distinct {column} as old from {table})"
                )
                connection.execute(
                    f"update {table} set {column} = swap.new from swap where {column} = old and week > {last_kept}"
                )
        connection.execute(f"update t set quantity = quantity * 3, sales_value = sales_value * 7 where week >= {week}")
        connection.execute(
            f"copy (from t order by transaction_timestamp, basket_id, product_id) to '{folder}/transactions.parquet'"
        )
        connection.execute(f"copy (from p order by all) to '{folder}/promotions.parquet'")
    return folder


def test_every_feature_is_what_a_script_by_hand_makes_of_the_grid(full_warehouse: Warehouse, tmp_path: Path) -> None:
    """The script of the benchmark, written without dbt and without macros, for all candidates of the target week."""
    by_hand, by_dbt = tmp_path / "script.duckdb", tmp_path / "view.duckdb"
    features.run_script(full_warehouse.path, by_hand)
    features.read_view(full_warehouse.path, by_dbt)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{by_hand}' as by_hand (read_only); attach '{by_dbt}' as by_dbt (read_only)")
        names, same = (
            {name for name, type_, *_ in connection.execute(f"describe {side}.wide").fetchall() if type_ == "FLOAT"}
            for side in ("by_hand", "by_dbt")
        )
        assert names == same
        assert len(names) > 500
        differences = ", ".join(
            f"count(*) filter ((h.{name} is null) <> (d.{name} is null)"
            f" or abs(h.{name} - d.{name}) > 1e-3 * greatest(abs(d.{name}), 1)) as {name}"
            for name in sorted(names)
        )
        compared = connection.execute(
            f"select count(*), {differences}"
            " from by_hand.wide as h join by_dbt.wide as d using (customer_id, product_id)"
        )
        pairs, *counts = compared.fetchone()
        ((expected,),) = connection.execute("select count(*) from by_dbt.wide").fetchall()
    different = {name: count for name, count in zip(sorted(names), counts, strict=True) if count}
    assert pairs == expected > 10_000
    # Sums are rounded by the models and not by hand, so that a tie in one is none in the other.
    assert set(different) <= {"customer_product_visit_rank", "customer_product_visit_rank_share"}
    assert all(count < pairs / 100 for count in different.values())


def test_the_benchmark_attaches_a_warehouse_whatever_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "baker's shop"
    folder.mkdir()
    warehouse, script, view = (folder / f"{name}.duckdb" for name in ("warehouse", "script", "view"))
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create schema grid; create schema features;"
            " create table grid.prediction_weeks as select 53 as prediction_week, 53 as prediction_week_index,"
            " 1 as window_first_week_index, 52 as window_last_week_index, date '2017-12-26' as starts_on,"
            " 'score' as week_role;"
            " create table features.candidate_features as select 53 as prediction_week"
        )
    assert features.run_script(warehouse, script, condition="false") == {}
    assert features.read_view(warehouse, view).keys() == {"wide"}


def test_factors_are_fitted_on_recent_weeks(full_warehouse: Warehouse) -> None:
    """Weighted here by the definition: half as much after each half-life before the last week of the window."""
    with duckdb.connect(str(full_warehouse.path), read_only=True) as connection:
        bought = connection.execute(
            """
            select customer_id, product_id, window_last_week_index - week_index as weeks_before
            from grid.customer_item_weeks as item_weeks
            inner join grid.prediction_weeks as prediction_weeks
                on week_index between window_first_week_index and window_last_week_index
            where prediction_week = 53
            """
        ).fetchall()
        stored = connection.sql("select entity, entity_id, factors from ml.als_factors where prediction_week = 53")
        expected = als.from_rows(stored.to_arrow_table())
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for customer, product, weeks_before in bought:
        weights[customer, product] += 0.5 ** (weeks_before / als.HALF_LIFE_WEEKS)
    customers = Counter(product for _, product in weights)
    known = {pair: weight for pair, weight in weights.items() if customers[pair[1]] >= als.MINIMUM_CUSTOMERS}
    pairs = (list(column) for column in zip(*known, strict=True))
    purchases = pa.table(
        dict(zip(("customer_id", "product_id", "purchase_weight"), (*pairs, list(known.values())), strict=True))
    )
    factors = als.fit(purchases, als.AlsConfig())
    assert factors.product_ids == expected.product_ids
    for ours, theirs in (
        (factors.customer_factors, expected.customer_factors),
        (factors.product_factors, expected.product_factors),
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_full_refresh_in_slices_of_customers_and_of_weeks_gives_the_same(past_week_from_full_data: Warehouse) -> None:
    before = fingerprints(past_week_from_full_data, ("grid", "features", "ml"))
    variables = {"customers_at_a_time": 70, "lines_at_a_time": 20_000}
    in_slices = replace(past_week_from_full_data, variables=past_week_from_full_data.variables | variables)
    sliced = [f"config.materialized:{name}" for name in ("per_customer_slice", "per_week")]
    models = (*sliced, "candidates", "path:models/features")
    result = in_slices.dbt("run", "--full-refresh", "--select", *models)
    assert result.returncode == 0, result.stdout[-6000:]
    assert fingerprints(in_slices, ("grid", "features", "ml")) == before
    assert len(before) >= 10
    log = in_slices.log()
    for key in ("customer_key", "week_index"):
        assert len({*re.findall(rf"\b{key} between ([1-9]\d*) and (\d+)", log)}) >= 2


def copy_project(folder: Path) -> None:
    """Copy what dbt reads, for a test that edits it."""
    for name in ("models", "macros", "seeds", "tests/generic", "python"):
        shutil.copytree(conftest.PROJECT / name, folder / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(conftest.PROJECT / name, folder / name)


def test_models_built_alone_are_made_by_the_code_and_vars_that_run(
    past_week_from_full_data: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the weeks, which are not selected, know others: an edit or another var shows, and so does its end."""
    warehouse = past_week_from_full_data
    before = fingerprints(warehouse, ("features", "ml"))

    def made_anew() -> bool:
        result = warehouse.dbt("run", "--select", "customer_features", "tifu_knn")
        assert result.returncode == 0, result.stdout[-6000:]
        anew = {"customer_features: 0 weeks to build" not in result.stdout, "tifu_knn, week" in result.stdout}
        assert len(anew) == 1, result.stdout
        return anew.pop()

    copy_project(tmp_path)
    model = tmp_path / "models/features/customer_features.sql"
    weeks = "cast(aggregated.weeks_with_visits as float)"
    assert weeks in model.read_text()
    model.write_text(model.read_text().replace(weeks, "cast(-aggregated.weeks_with_visits as float)"))
    with monkeypatch.context() as edited:
        edited.setattr(conftest, "PROJECT", tmp_path)
        assert made_anew()
        assert warehouse.query("select max(weeks_with_visits) < 0 from features.customer_features") == [(True,)]
        assert not made_anew()
    with monkeypatch.context() as other_vars:
        other_vars.setitem(warehouse.variables, "new_candidates_from_neighbours", 7)
        assert made_anew()
        assert warehouse.query("select max(tifu_rank) from ml.tifu_knn where not is_repeat") == [(7,)]
    assert made_anew()
    assert fingerprints(warehouse, ("features", "ml")) == before


def test_every_column_of_a_table_is_described(full_warehouse: Warehouse) -> None:
    """The manifest knows what is described, the warehouse which columns there are; views pass on those of tables."""
    manifest = json.loads((full_warehouse.folder / "target" / "manifest.json").read_text())
    described = {
        (node["schema"], node["name"], column["name"])
        for node in manifest["nodes"].values()
        for column in node["columns"].values()
        if column["description"]
    }
    columns = full_warehouse.query(
        "select table_schema, table_name, column_name from information_schema.columns"
        " inner join information_schema.tables using (table_schema, table_name)"
        f" where table_type = 'BASE TABLE' and table_schema in {BUILT_SCHEMAS}"
    )
    assert len(columns) > 500
    assert {*columns} - described == set()


@pytest.mark.parametrize("forgotten", ["description", "range"])
def test_a_feature_must_be_documented(
    past_week_from_full_data: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    copy_project(tmp_path)
    documentation = tmp_path / "models/features/_features__models.yml"
    line = {
        "description": "        description: Weeks in a row with a visit, up to the last one.\n",
        "range": "        config: {meta: {range: [1, observation_weeks]}}\n",
    }[forgotten]
    assert line in documentation.read_text()
    documentation.write_text(documentation.read_text().replace(line, "", 1))
    monkeypatch.setattr(conftest, "PROJECT", tmp_path)
    result = past_week_from_full_data.dbt("test", "--select", "customer_features,test_name:features_in_range")
    assert result.returncode == 1
    assert (
        f"customer_features.streak_weeks has no {'description' if forgotten == 'description' else 'config.meta.range'}"
        in result.stdout
    )


def test_a_column_must_be_in_the_contract_though_all_weeks_are_kept(
    past_week_from_full_data: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_project(tmp_path)
    contract = tmp_path / "models/features/_features__models.yml"
    forgotten = re.sub(r"      - name: streak_weeks\n(?:        .*\n)+", "", contract.read_text(), count=1)
    assert forgotten != contract.read_text()
    contract.write_text(forgotten)
    monkeypatch.setattr(conftest, "PROJECT", tmp_path)
    result = past_week_from_full_data.dbt("run", "--select", "customer_features")
    assert result.returncode == 1
    assert "customer_features: 0 weeks to build" in result.stdout
    assert re.search(r"streak_weeks.*missing in contract", result.stdout), result.stdout[-3000:]


# --- readers of a publication, other than the DuckDB that wrote it --------------------------------------------------

READERS = conftest.PROJECT / ".venv-clients" / "bin" / "python"
# What each reader is asked: how many rows, and how many listed products a recommendation holds as well.
QUESTIONS = """
select
    (select count(*) from marts.recommendations) as recommended,
    (select count(*) from marts.shopping_lists) as listed,
    (
        select count(*) from marts.shopping_lists
        inner join marts.recommendations using (target_week, customer_id, product_id)
    ) as both,
    (select max(purchase_probability) from marts.recommendations) as highest_probability
"""

CLIENTS = {
    "duckdb_1_4": """
        import duckdb
        assert duckdb.__version__.startswith("1.4."), duckdb.__version__
        with duckdb.connect(str(current / "serving.duckdb"), read_only=True) as marts:
            answers = marts.execute(questions).fetchone()
        """,
    "adbc": """
        from adbc_driver_manager import dbapi
        import _duckdb
        options = {"path": str(current / "serving.duckdb"), "access_mode": "READ_ONLY"}
        with (
            dbapi.connect(driver=_duckdb.__file__, entrypoint="duckdb_adbc_init", db_kwargs=options) as marts,
            marts.cursor() as cursor,
        ):
            cursor.execute(questions)
            answers = cursor.fetchone()
        """,
    "polars": """
        import polars
        recommended = polars.scan_parquet(current / "recommendations.parquet")
        listed = polars.scan_parquet(current / "shopping_lists.parquet")
        both = listed.join(recommended, on=["target_week", "customer_id", "product_id"])
        lengths = [frame.select(polars.len()).collect().item() for frame in (recommended, listed, both)]
        answers = [*lengths, recommended.select(polars.max("purchase_probability")).collect().item()]
        """,
    "pandas": """
        import pandas
        recommended = pandas.read_parquet(current / "recommendations.parquet")
        listed = pandas.read_parquet(current / "shopping_lists.parquet")
        both = listed.merge(recommended, on=["target_week", "customer_id", "product_id"])
        answers = [len(recommended), len(listed), len(both), recommended["purchase_probability"].max()]
        """,
}


@pytest.mark.skipif(not READERS.exists(), reason="`make test` installs the readers into .venv-clients")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_reader_finds_what_the_warehouse_holds(full_warehouse: Warehouse, client: str) -> None:
    script = "\n".join(
        [
            "import json, sys",
            "from pathlib import Path",
            "current, questions = Path(sys.argv[1]).resolve(), sys.argv[2]",
            *(line.removeprefix(" " * 8) for line in CLIENTS[client].splitlines()),
            "print(json.dumps([float(answer) for answer in answers]))",
        ]
    )
    published = full_warehouse.folder / "published" / "current"
    process = subprocess.run(
        [READERS, "-c", script, published, QUESTIONS], capture_output=True, text=True, check=False, cwd=Path("/")
    )
    assert process.returncode == 0, process.stderr
    (expected,) = full_warehouse.query(QUESTIONS)
    assert json.loads(process.stdout) == [float(answer) for answer in expected]
    assert 0 < expected[2] <= expected[1] < expected[0]
