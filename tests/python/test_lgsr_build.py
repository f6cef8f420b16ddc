"""The whole path on a synthetic LGSR shop, and the weekly run: one more file, the same command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from conftest import FEW_NEGATIVES, LISTS, WITHOUT_TESTS, Warehouse, fingerprints
from grocery_recommender.synthetic_shop import ShopConfig, true_cycles, write_shop

CONFIG = ShopConfig(customers=250, products=600, seed=5)
WEEKS = 60
# So few customers would teach for 26 weeks, which takes two and a half times as long.
TRAINING_WEEKS = 10


def variables(folder: Path) -> dict[str, object]:
    shop = {"retailer": "lgsr", "lgsr_path": str(folder / "shop")}
    return shop | {"training_weeks": TRAINING_WEEKS} | FEW_NEGATIVES


@pytest.fixture(scope="module")
def weekly_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Built with all weeks but the last, then again after the last week's file arrived, and others were corrected.

    The second file had the same purchases in other words: kinds of basket, of store, of customer and of product. Those
    of a week that teaches, and of the last week, lacked some of their lines.
    """
    folder = tmp_path_factory.mktemp("weekly")
    write_shop(folder / "shop", CONFIG, WEEKS - 1)
    files = sorted((folder / "shop").glob("transactions_*.csv"))
    lines = files[1].read_text()
    for right, wrong in ((",Full Shop,", ",Top Up,"), (",LS,", ",MS,"), (",YF,", ",PE,"), (",CL00001,", ",CL00002,")):
        assert right in lines
        lines = lines.replace(right, wrong)
    files[1].write_text(lines)
    for late in (files[-3], files[-1]):
        late.write_text("".join(late.read_text().splitlines(keepends=True)[:-50]))
    warehouse = Warehouse(folder, variables(folder))
    warehouse.build(*LISTS, "+model_performance", "+outcome_summary", with_tests=False)
    write_shop(folder / "shop", CONFIG, WEEKS)
    warehouse.build()
    return warehouse


@pytest.fixture(scope="module")
def warehouse_from_nothing(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    folder = tmp_path_factory.mktemp("nothing")
    write_shop(folder / "shop", CONFIG, WEEKS)
    warehouse = Warehouse(folder, variables(folder))
    warehouse.build(*LISTS, "dim_stores", with_tests=False)
    return warehouse


def test_every_active_customer_gets_a_full_list(warehouse_from_nothing: Warehouse) -> None:
    rows = warehouse_from_nothing.query("select customer_id, count(*) from marts.recommendations group by customer_id")
    ((active,),) = warehouse_from_nothing.query(
        "select count(*) from grid.active_customers inner join grid.prediction_weeks using (prediction_week)"
        " where week_role = 'score'"
    )
    assert len(rows) == active > 100
    assert {count for _, count in rows} == {50}


def test_anonymous_lines_count_for_items_but_for_no_customer(warehouse_from_nothing: Warehouse) -> None:
    ((anonymous, baskets),) = warehouse_from_nothing.query(
        "select (select sum(anonymous) from marts.row_reconciliation),"
        " (select count(distinct basket_id) from core.fct_basket_items where customer_id is null)"
    )
    assert anonymous > 0
    ((of_items, of_customers),) = warehouse_from_nothing.query(
        "select (select sum(baskets) from grid.item_weeks where item_level = 'division'),"
        " (select count(distinct (basket_id, division_key)) from grid.item_lines where customer_key is not null)"
    )
    assert of_items >= of_customers + baskets
    ((strangers,),) = warehouse_from_nothing.query(
        "select count(*) from grid.customer_item_days anti join core.dim_customers using (customer_key)"
    )
    assert strangers == 0


def test_cycle_features_recover_the_true_cycles(warehouse_from_nothing: Warehouse) -> None:
    with duckdb.connect(str(warehouse_from_nothing.path), read_only=True) as connection:
        connection.register("truth", true_cycles(CONFIG))
        ((correlation, pairs),) = connection.execute(
            """
            select corr(ln(features.median_gap_days), ln(truth.cycle_days)), count(*)
            from features.customer_item_features as features
            inner join grid.prediction_weeks using (prediction_week)
            inner join core.dim_customers using (customer_key)
            inner join core.dim_products on features.item_key = dim_products.product_key
            inner join truth using (customer_id, product_id)
            where week_role = 'score' and features.weeks_bought >= 6
            """
        ).fetchall()
    assert pairs > 200
    assert correlation > 0.7


def test_a_weekly_run_gives_what_a_build_from_nothing_gives(
    weekly_warehouse: Warehouse, warehouse_from_nothing: Warehouse
) -> None:
    for schemas in (("core",), ("grid",), ("features",)):
        assert fingerprints(weekly_warehouse, schemas) == fingerprints(warehouse_from_nothing, schemas)
    query = (
        "select recommendations.* from marts.recommendations inner join core.dim_weeks"
        " on recommendations.target_week = dim_weeks.week and weeks_to_target = 0 order by all"
    )
    assert weekly_warehouse.query(query) == warehouse_from_nothing.query(query)


def test_the_weekly_run_keeps_the_weeks_that_it_knows(weekly_warehouse: Warehouse) -> None:
    log = weekly_warehouse.log()
    # Besides those that teach, three weeks are scored. One only is neither new, nor looks back to a corrected week, nor
    # learns from one.
    assert f"customer_item_features: {TRAINING_WEEKS + 2} weeks to build, 1 kept" in log
    # What is not sold in the week after the second keeps the kind that the second gave it.
    assert f"item_weeks: 5 weeks to build, {WEEKS - 5} kept" in log
    assert weekly_warehouse.query("select count(distinct target_week) from marts.recommendations") == [(2,)]
    assert weekly_warehouse.query("select count(distinct prediction_week) from marts.model_performance") == [(2,)]
    # The week that the first build measured was corrected.
    assert weekly_warehouse.query("select count(distinct prediction_week) from ml.ranking_metrics") == [(1,)]


def test_a_full_refresh_keeps_what_was_published(weekly_warehouse: Warehouse) -> None:
    """No build can make the lists of a past week again, nor measure them."""
    history = ("recommendations", "shopping_lists", "recommendation_outcomes", "model_performance", "model_calibration")
    before = [weekly_warehouse.query(f"select * from marts.{name} order by all") for name in history]
    result = weekly_warehouse.dbt("run", "--full-refresh", "--select", "recommended_items", *history)
    assert result.returncode == 0, result.stdout[-6000:]
    assert [weekly_warehouse.query(f"select * from marts.{name} order by all") for name in history] == before


def test_lists_of_past_weeks_may_be_longer_than_those_of_today(weekly_warehouse: Warehouse) -> None:
    """What a var says of lists holds for the week that is made: a shorter list stops no publication."""
    shorter = {
        "recommendations_per_customer": 5,
        "shopping_list_maximum_length": 2,
        "flyer_items_per_customer": 1,
    }
    today = replace(weekly_warehouse, variables=weekly_warehouse.variables | shorter)
    lists = ("recommendations", "shopping_lists", "personal_flyers")
    ranges = ",".join(("test_name:between", "test_type:generic"))
    result = today.dbt("test", "--select", *(f"{name},{ranges}" for name in lists))
    # The lists of the target week are the long ones yet.
    assert "ERROR=3" in result.stdout, result.stdout[-6000:]
    made = today.dbt("run", "--select", "recommended_items", "listed_items", "list_lengths", "flyer_items", *lists)
    assert made.returncode == 0, made.stdout[-6000:]
    longest = "select max(rank) from marts.recommendations group by target_week order by target_week"
    assert weekly_warehouse.query(longest) == [(50,), (5,)]
    result = today.dbt("test", "--select", *(f"{name},{ranges}" for name in lists))
    assert result.returncode == 0, result.stdout[-6000:]


def test_a_week_that_is_made_again_without_customers_keeps_no_list(weekly_warehouse: Warehouse) -> None:
    """Where all are in the control group, nothing is written that could take the place of what was there."""
    target_weeks = "select distinct target_week from marts.recommendations order by 1"
    earlier, _ = weekly_warehouse.query(target_weeks)
    held_out = replace(weekly_warehouse, variables=weekly_warehouse.variables | {"holdout_share": 1})
    result = held_out.dbt("run", "--select", "recommended_items", "recommendations")
    assert result.returncode == 0, result.stdout[-6000:]
    assert weekly_warehouse.query(target_weeks) == [earlier]


def test_a_shop_without_enough_history_is_told_so(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", ShopConfig(customers=20, products=50, stores=12), weeks=3)
    warehouse = Warehouse(tmp_path, {"retailer": "lgsr", "lgsr_path": str(tmp_path / "shop")})
    result = warehouse.dbt("build", "--select", "+product_items", *WITHOUT_TESTS)
    assert result.returncode == 1
    assert "not enough history: there is no week to make" in result.stdout
    assert "syntax error" not in result.stdout


def test_a_very_small_shop_learns_from_all_there_is(tmp_path: Path) -> None:
    """Forty customers, twenty weeks, no var but the folder: all that was not bought teaches, and stands for itself."""
    write_shop(tmp_path / "shop", ShopConfig(customers=40, products=150), weeks=20)
    warehouse = Warehouse(tmp_path, {"retailer": "lgsr", "lgsr_path": str(tmp_path / "shop")})
    warehouse.build(*LISTS, with_tests=False)
    ((examples, pairs, highest_weight),) = warehouse.query(
        """
        select count(example_weight), count(*), max(example_weight)
        from ml.candidates left join ml.training_examples using (prediction_week, customer_id, product_id)
        inner join grid.prediction_weeks using (prediction_week)
        where week_role <> 'score'
        """
    )
    assert examples == pairs > 10_000
    assert highest_weight == 1
    ((listed, expected),) = warehouse.query(
        "select count(distinct customer_id), sum(purchase_probability) / count(distinct customer_id)"
        " from marts.recommendations"
    )
    assert listed > 20
    assert 1 < expected < 20
