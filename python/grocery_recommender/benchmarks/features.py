"""What the features of one prediction week cost, beside one script without dbt that computes the same columns.

    python -m grocery_recommender.benchmarks.features WAREHOUSE [--vars "{...}"]

The warehouse has been built; a copy is measured. dbt's side: the rows of the target week are deleted from all feature
tables, dbt makes them anew, and the wide view is read to its end. The other side: a hand-written script on the same
grid, from which it writes one wide table. Each side is a process of its own; of dbt's, an empty run is told apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import duckdb

from grocery_recommender.benchmarks.processes import measured
from grocery_recommender.quoting import literal

# All cores, as a build; a week with all columns at once wants more memory than the 80 that a build scores by.
SETTINGS = {"memory_limit": "3GB", "preserve_insertion_order": False}
LEVELS = ("product", "subcategory", "category", "department", "division")
WINDOWS = (1, 8, 26, 52)
OFFERS = ("mailer", "display", "price_drop")
CLASSES = {
    "basket_price_sensitivity": {"less_affluent": "'LA'", "mid_market": "'MM'", "up_market": "'UM'"},
    "basket_size": {"small_basket": "'S'", "medium_basket": "'M'", "large_basket": "'L'"},
    "basket_type": {"small_shop": "'Small Shop'", "top_up": "'Top Up'", "full_shop": "'Full Shop'"},
    "basket_mission": {"fresh": "'Fresh'", "grocery": "'Grocery'", "mixed": "'Mixed'", "nonfood": "'Nonfood'"},
    "store_format": {
        "small_store": "'SS'",
        "medium_store": "'MS'",
        "large_store": "'LS'",
        "extra_large_store": "'XLS'",
    },
    "day_part": {"morning": "'morning'", "afternoon": "'afternoon'", "evening": "'evening'"},
    "is_weekend": {"weekend": "true"},
}
MEASURES = ("visits", "quantity", "spend")
# Columns of the tables below that are not features.
HELPERS = {
    *("customer_id", "customer_key", "product_id", "product_key", "item_key", "item_level"),
    *("bits", "first_ago", "last_ago", "window_visits", "window_spend", "year_ago", "item_gap"),
}


def script(week: int, index: int, first: int, last: int, starts_on: str) -> dict[str, str]:
    """Queries that make the tables of the script one after the other, each from the grid and from those before it.

    Parameters
    ----------
    week, index
        The prediction week, and its place in the calendar.
    first, last
        The first and last week of the window.
    starts_on
        Day on which the prediction week starts, as ``yyyy-mm-dd``.
    """
    starts_on = f"date '{starts_on}'"
    ago = f"({index} - week_index)"
    in_window = f"week_index between {first} and {last}"

    def sums(*measures: str, windows: tuple[int, ...] = WINDOWS) -> str:
        return ", ".join(
            f"sum(case when {ago} <= {weeks} then {measure}::double else 0 end)::float as {measure}_{weeks}_weeks"
            for measure in measures
            for weeks in windows
        )

    def decayed(measure: str) -> str:
        return ", ".join(
            f"sum({measure} * power(0.5, ({ago} - 1) / {half}.0))::float as {measure}_decayed_{half}_weeks"
            for half in (8, 16)
        )

    def ratios(*measures: str) -> str:
        return ", ".join(
            f"({measure}_{short}_weeks / nullif({measure}_{long}_weeks, 0))::float as {measure}_{short}_of_{long}_weeks"
            for measure in measures
            for short, long in ((1, 8), (8, 26), (26, 52))
        )

    def shares(source: str, key: str, columns: bool) -> str:
        parts = []
        for measure in MEASURES:
            for attribute, classes in CLASSES.items():
                for name, value in classes.items():
                    if columns:
                        part, whole = f"sum({name}_{measure})", f"sum({attribute}_{measure})"
                    else:
                        part = f"sum({measure}) filter ({attribute} = {value})"
                        whole = f"sum({measure}) filter ({attribute} is not null)"
                        part = f"coalesce({part}, 0)"
                    parts.append(f"({part}::double / nullif({whole}, 0))::float as {name}_{measure}_share")
        return f"select {key}, {', '.join(parts)} from {source} group by {key}"

    bits = f"bit_or(case when {ago} <= 62 then 1::bigint << ({ago} - 1) else 0 end) as bits"
    streak = "bit_count((bits >> (last_ago - 1)) & ~((bits >> (last_ago - 1)) + 1))::float as streak_weeks"
    band = "case when {0} <= 3 then {0} when {0} <= 6 then 4 when {0} <= 12 then 7 else 13 end"
    elapsed = (
        "case when {0} <= 4 then {0} when {0} <= 6 then 5 when {0} <= 9 then 7 when {0} <= 13 then 10"
        " when {0} <= 19 then 14 when {0} <= 29 then 20 else 30 end"
    )
    elapsed_rows = (
        "(values (1, 1), (2, 2), (3, 3), (4, 4), (5, 6), (7, 9), (10, 13), (14, 19), (20, 29), (30, 1000))"
        " as bands(first_week, last_week)"
    )
    tables = {
        "pairs": f"select * from ml.candidates where prediction_week = {week}",
        "customer_features": f"""
            select *, {ratios("visits", "spend", "quantity")},
                (visits_decayed_8_weeks / (1 - power(0.5, first_ago / 8.0)) * (1 - power(0.5, 1 / 8.0)))::float
                    as expected_visits,
                {streak}, (weeks_with_visits / first_ago)::float as visited_week_share,
                (products_52_weeks / visits_52_weeks)::float as products_per_visit,
                (spend_52_weeks / visits_52_weeks)::float as spend_per_visit,
                (days_since_last_visit / nullif(median_gap_days, 0))::float as overdue_ratio
            from (
                select customer_id, {sums("visits", "spend", "quantity", "products")}, {decayed("visits")}, {bits},
                    min{ago} as last_ago, max{ago} as first_ago,
                    count(distinct week_index)::float as weeks_with_visits,
                    (median(gap_days) filter (previous_week_index >= {first}))::float as median_gap_days,
                    (max_by(case when previous_week_index >= {first} then gap_days end, purchased_on))::float
                        as last_gap_days,
                    ({starts_on} - min(purchased_on))::float as days_since_first_visit,
                    ({starts_on} - max(purchased_on))::float as days_since_last_visit
                from grid.customer_days where {in_window} group by customer_id
            ) left join (
                select customer_id,
                    {", ".join(f"avg({offer}_share)::float as {offer}_purchase_share" for offer in OFFERS)}
                from grid.customer_item_weeks where {in_window} group by customer_id
            ) using (customer_id)""",
        "customer_class_features": shares(
            f"(select *, 1 as visits from core.fct_baskets where customer_id is not null and {in_window})",
            "customer_id",
            columns=False,
        ),
        "customer_segment_features": f"""
            select customer_id,
                {
            ", ".join(
                f"(lifestage = '{code}')::int::float as is_{name}"
                for name, code in (
                    ("young_adults", "YA"),
                    ("older_adults", "OA"),
                    ("young_families", "YF"),
                    ("older_families", "OF"),
                    ("pensioners", "PE"),
                    ("other_lifestage", "OT"),
                )
            )
        },
                (case price_sensitivity when 'LA' then 1 when 'MM' then 2 when 'UM' then 3 end)::float as price_level,
                try_cast(regexp_extract(age_band, '[0-9]+') as int)::float as age_from,
                (case when income_band like 'Under%' then 0
                    else try_cast(regexp_extract(income_band, '[0-9]+') as int) end)::float as income_from,
                try_cast(regexp_extract(household_size, '[0-9]+') as int)::float as household_size,
                (case when household_composition like '%No Kids' then 0
                    when household_composition like '%Kids' then 1 end)::float as has_children
            from core.dim_customer_versions
            where {last} between valid_from_week_index and coalesce(valid_to_week_index, {last})""",
        "item_features": f"""
            select * exclude (baskets_a_year_ago, recent_unit_price, buyers, one_time, days),
                {ratios("baskets", "quantity", "spend")},
                (baskets_4_weeks / nullif(baskets_52_weeks, 0) * ({last} - {first} + 1) / 4.0)::float as trend,
                (case when {last} - {first} + 1 >= 52
                    then coalesce(baskets_a_year_ago, 0) / nullif(baskets_52_weeks, 0) * 26 end)::float
                    as year_ago_trend,
                (recent_unit_price / nullif(mean_unit_price, 0))::float as price_change_4_weeks,
                coalesce(buyers, 0)::float as customers, (one_time / buyers)::float as one_time_customer_share,
                (days / buyers)::float as purchase_days_per_customer
            from (
                select item_key, item_level, {sums("baskets", windows=(1, 4, 8, 26, 52))}, {sums("quantity", "spend")},
                    {decayed("baskets")}, sum(baskets) filter ({ago} in (51, 52)) as baskets_a_year_ago,
                    (sum(spend) / nullif(sum(quantity), 0))::float as mean_unit_price,
                    sum(spend) filter ({ago} <= 4) / nullif(sum(quantity) filter ({ago} <= 4), 0) as recent_unit_price
                from grid.item_weeks where {in_window} group by item_key, item_level
            ) left join (
                select item_key, count(*) as buyers, count(*) filter (days = 1) as one_time, sum(days) as days
                from (
                    select item_key, customer_key, count(*) as days
                    from grid.customer_item_days where {in_window} group by item_key, customer_key
                ) group by item_key
            ) using (item_key) left join (
                select item_key, median(gap_days)::float as median_gap_days from grid.customer_item_days
                where week_index <= {last} and previous_week_index >= {first} group by item_key
            ) using (item_key)""",
        "product_class_features": shares(
            f"(from grid.product_class_weeks where {in_window})", "product_id", columns=True
        ),
        "offer_history_features": f"""
            select product_id, {
            ", ".join(
                f"weeks_{o}_8::float as {o}_weeks_of_8, weeks_{o}::float as {o}_weeks,"
                f" since_{o}::float as weeks_since_{o},"
                f" ((baskets_{o} + 1) / (weeks_{o} + 1) / ((baskets - baskets_{o} + 1)"
                f" / ({last} - {first} + 2 - weeks_{o})))::float as {o}_lift"
                for o in OFFERS
            )
        }
            from (
                select product_id, {
            ", ".join(
                f"count(*) filter (is_{o} and {ago} <= 8) as weeks_{o}_8, count(*) filter (is_{o}) as weeks_{o},"
                f" min{ago} filter (is_{o}) as since_{o}, sum(coalesce(sold, 0)) filter (is_{o}) as baskets_{o}"
                for o in OFFERS
            )
        }
                from (
                    select product_id, week_index, {", ".join(f"bool_or(offer_type = '{o}') as is_{o}" for o in OFFERS)}
                    from core.fct_promotions where {in_window} and store_share >= 0.1 group by product_id, week_index
                ) left join (
                    select product_id, week_index, baskets as sold from grid.item_weeks
                    join core.dim_products on item_key = product_key where item_level = 'product'
                ) using (product_id, week_index) group by product_id
            ) left join (
                select product_id, sum(baskets) as baskets from grid.item_weeks
                join core.dim_products on item_key = product_key
                where item_level = 'product' and {in_window} group by product_id
            ) using (product_id)""",
        "customer_item_features": f"""
            select * exclude (bits, last_ago, first_ago, gaps, gap_sum, gap_squares, spread),
                {ratios("visits", "quantity", "spend")},
                (visits_52_weeks / window_visits)::float as basket_share,
                (spend_52_weeks / nullif(window_spend, 0))::float as spend_share,
                (weeks_bought / first_ago)::float as bought_week_share, {streak},
                (days_since_last_purchase / nullif(median_gap_days, 0))::float as overdue_ratio,
                (days_since_last_purchase / nullif(last_gap_days, 0))::float as last_gap_overdue_ratio,
                (days_since_last_purchase / nullif(item_gap, 0))::float as item_overdue_ratio,
                (shopping_days_since_last_purchase * shopping_day_share)::float as shopping_days_overdue_ratio,
                ((days_since_last_purchase - mean_gap_days) / nullif(spread, 0))::float as overdue_zscore
            from (
                select *, sqrt(greatest(gap_squares / nullif(gaps, 0) - mean_gap_days * mean_gap_days, 0)
                    + mean_gap_days * mean_gap_days / (4.0 * nullif(gaps, 0))) as spread
                from (
                    select customer_key, item_key, item_level, {sums(*MEASURES)}, {decayed("visits")}, {bits},
                        min{ago} as last_ago, max{ago} as first_ago,
                        {
            ", ".join(
                f"(count(*) filter (shopping_days - shopping_day_number < {n}))::float"
                f" as purchases_of_last_{n}_shopping_days"
                for n in (5, 10)
            )
        },
                        min(shopping_days - shopping_day_number)::float as shopping_days_since_last_purchase,
                        (count(*) / (max(shopping_days - shopping_day_number) + 1))::float as shopping_day_share,
                        (sum(visits) filter ({ago} in (51, 52))) as year_ago,
                        coalesce(year_ago, 0)::float as visits_a_year_ago,
                        count(distinct week_index)::float as weeks_bought,
                        count(gap_days) filter (previous_week_index >= {first}) as gaps,
                        sum(gap_days) filter (previous_week_index >= {first}) as gap_sum,
                        sum(gap_days * gap_days) filter (previous_week_index >= {first}) as gap_squares,
                        (gap_sum / nullif(gaps, 0))::float as mean_gap_days,
                        (median(gap_days) filter (previous_week_index >= {first}))::float as median_gap_days,
                        (max_by(case when previous_week_index >= {first} then gap_days end, purchased_on))::float
                            as last_gap_days,
                        ({starts_on} - min(purchased_on))::float as days_since_first_purchase,
                        ({starts_on} - max(purchased_on))::float as days_since_last_purchase,
                        any_value(window_visits) as window_visits, any_value(window_spend) as window_spend
                    from grid.customer_item_days join (
                        select customer_key, max(shopping_day_number) as shopping_days,
                            sum(visits) filter (week_index >= {first}) as window_visits,
                            sum(spend) filter (week_index >= {first}) as window_spend
                        from grid.customer_days where week_index <= {last} group by customer_key
                    ) using (customer_key)
                    where {in_window} and (customer_key, item_key) in (
                        {" union all ".join(f"select customer_key, {level}_key from pairs" for level in LEVELS)}
                    )
                    group by customer_key, item_key, item_level
                )
            ) left join (select item_key, median_gap_days as item_gap from item_features) using (item_key)""",
        "waits": f"""
            select *, {band.format("purchase_number")} as purchase_band,
                coalesce(next_week, {last}) - week_index as weeks_at_risk, {index} - week_index as weeks_elapsed,
                next_week is not null as is_repurchased
            from (
                select customer_key, product_key, week_index, row_number() over history as purchase_number,
                    lead(week_index) over history as next_week
                from grid.customer_item_weeks where {in_window}
                window history as (partition by customer_key, product_key order by week_index)
            )""",
        "counted": f"""
            select product_id, category_key, purchase_band, weeks_at_risk, count(*) as waits,
                count(*) filter (is_repurchased) as repurchases
            from waits join (from grid.product_items where prediction_week = {week}) using (product_key)
            where weeks_at_risk > 0 group by all""",
        "exposures": f"""
            select category_key, purchase_band, first_week as elapsed_band,
                sum(waits * (least(weeks_at_risk, last_week) - first_week + 1)) as at_risk,
                sum(case when weeks_at_risk <= last_week then repurchases else 0 end) as repurchases
            from counted join {elapsed_rows} on weeks_at_risk >= first_week group by all""",
        "hazards": """
            select category_key, purchase_band, elapsed_band,
                ((repurchases + 20 * prior) / (at_risk + 20))::float as hazard
            from exposures join (
                select purchase_band, elapsed_band, sum(repurchases) / sum(at_risk) as prior from exposures group by all
            ) using (purchase_band, elapsed_band)""",
        "product_features": f"""
            select product_id, ((sum(repurchases) + 2) / (sum(waits * expected) + 2))::float as repurchase_ratio
            from counted join (
                select category_key, purchase_band, weeks_at_risk,
                    sum(hazard * (least(weeks_at_risk, last_week) - first_week + 1)) as expected
                from (select distinct category_key, purchase_band, weeks_at_risk from counted)
                join {elapsed_rows} on weeks_at_risk >= first_week
                join hazards using (category_key, purchase_band)
                where elapsed_band = first_week group by all
            ) using (category_key, purchase_band, weeks_at_risk) group by product_id""",
        "customer_product_features": f"""
            select pairs.customer_key, pairs.product_key, hazard as category_hazard,
                (case when hazard is not null then least(hazard * coalesce(repurchase_ratio, 1), 1) end)::float
                    as product_hazard,
                ((ended + 4 * product_hazard) / (lasted + 4))::float as repurchase_hazard,
                (case when kind.days_since_last_purchase > own.days_since_last_purchase then 0
                    else own.days_since_last_purchase - kind.days_since_last_purchase end)::float as days_replaced,
                (case when kind.visits_decayed_16_weeks < own.visits_decayed_16_weeks then 1
                    else own.visits_decayed_16_weeks / nullif(kind.visits_decayed_16_weeks, 0) end)::float
                    as subcategory_visit_share,
                visit_rank::float as visit_rank, (visit_rank / products)::float as visit_rank_share,
                {", ".join(f"{offer}_purchase_share" for offer in OFFERS)},
                (price_change_4_weeks * mean_unit_price / nullif(own_unit_price, 0))::float as price_to_own_usual
            from pairs join (
                select customer_key, product_key, purchase_band, elapsed, {elapsed.format("elapsed")} as elapsed_band,
                    count(*) filter (waits.is_repurchased and waits.weeks_at_risk >= elapsed) as lasted,
                    count(*) filter (waits.is_repurchased and waits.weeks_at_risk = elapsed) as ended
                from (
                    select customer_key, product_key, max(purchase_band) as purchase_band, min(weeks_elapsed) as elapsed
                    from waits group by all
                ) join (select * exclude (purchase_band) from waits) as waits using (customer_key, product_key)
                group by all
            ) as history using (customer_key, product_key) join (
                select *, rank() over (partition by customer_key order by decayed desc) as visit_rank,
                    count(*) over (partition by customer_key) as products
                from (
                    select customer_key, product_key, sum(visits * power(0.5, ({ago} - 1) / 16.0)) as decayed,
                        sum(paid)::double / nullif(sum(bought_quantity)::double, 0) as own_unit_price,
                        {", ".join(f"avg({offer}_share)::float as {offer}_purchase_share" for offer in OFFERS)}
                    from grid.customer_item_weeks where {in_window} group by all
                )
            ) as ranked using (customer_key, product_key)
            join customer_item_features as own
                on pairs.customer_key = own.customer_key and pairs.product_key = own.item_key
            left join customer_item_features as kind
                on pairs.customer_key = kind.customer_key and pairs.subcategory_key = kind.item_key
            left join item_features on pairs.product_key = item_features.item_key
            left join product_features using (product_id)
            left join hazards on pairs.category_key = hazards.category_key
                and history.purchase_band = hazards.purchase_band and history.elapsed_band = hazards.elapsed_band""",
        "offer_features": f"""
            select product_id, {
            ", ".join(
                f"max(case when offer_type = '{offer}' then store_share end)::float as known_offer_{offer}_share"
                for offer in OFFERS
            )
        }
            from core.fct_promotions where week_index = {index} group by product_id""",
    }
    return tables


def wide(week: int, columns_of: dict[str, list[str]]) -> str:
    """The one join of all tables of the script, as a query; columns are named as in ``candidate_features``."""
    joined = [
        ("customer_features", "customer_", "customer_id = {0}.customer_id"),
        ("customer_class_features", "customer_", "customer_id = {0}.customer_id"),
        ("customer_segment_features", "customer_", "customer_id = {0}.customer_id"),
        ("product_features", "product_", "product_id = {0}.product_id"),
        ("product_class_features", "product_", "product_id = {0}.product_id"),
        ("offer_history_features", "product_", "product_id = {0}.product_id"),
        ("offer_features", "", "product_id = {0}.product_id"),
        (
            "customer_product_features",
            "customer_product_",
            "customer_key = {0}.customer_key and pairs.product_key = {0}.product_key",
        ),
    ]
    for level in LEVELS:
        joined.append(("item_features", f"{level}_", f"{level}_key = {{0}}.item_key"))
        joined.append(
            (
                "customer_item_features",
                f"customer_{level}_",
                f"customer_key = {{0}}.customer_key and pairs.{level}_key = {{0}}.item_key",
            )
        )
    columns, joins = [], []
    for position, (table, prefix, condition) in enumerate(joined):
        alias = f"t{position}"
        columns += [f"{alias}.{name} as {prefix}{name}" for name in columns_of[table] if name not in HELPERS]
        joins.append(f"left join {table} as {alias} on pairs.{condition.format(alias)}")
    factors = f"(select entity_id, factors from ml.als_factors where prediction_week = {week} and entity = "
    return (
        "select pairs.customer_id, pairs.product_id, pairs.tifu_score, pairs.neighbour_score, pairs.tifu_rank,"
        " pairs.als_rank, pairs.category_rank, pairs.known_offer_rank, pairs.popularity_rank,"
        " list_inner_product(c.factors, p.factors)::float as als_score, "
        + ", ".join(columns)
        + " from pairs "
        + " ".join(joins)
        + f" left join {factors}'customer') as c on pairs.customer_id = c.entity_id"
        + f" left join {factors}'product') as p on pairs.product_id = p.entity_id"
    )


def run_script(
    warehouse: Path, output: Path, condition: str = "week_role = 'score'", joined: bool = True
) -> dict[str, float]:
    """Make the tables of the prediction weeks of a condition, one week after the other; seconds of each table.

    Parameters
    ----------
    warehouse
        The built DuckDB file.
    output
        File to write the wide table into, the last week's in the end.
    condition
        On the rows of ``grid.prediction_weeks``.
    joined
        Whether the wide table is made. A build never writes one: its ``candidate_features`` are a view.
    """
    seconds: dict[str, float] = defaultdict(float)
    with duckdb.connect(str(output), config=SETTINGS) as connection:
        connection.execute(f"attach {literal(warehouse)} as warehouse (read_only); use warehouse")
        weeks = connection.execute(
            "select prediction_week, prediction_week_index, window_first_week_index, window_last_week_index,"
            f" cast(starts_on as varchar) from grid.prediction_weeks where {condition}"
        ).fetchall()
        for week, *place in weeks:
            columns_of = {}
            for name, query in script(week, *place).items():
                started = time.perf_counter()
                connection.execute(f"create or replace temp table {name} as {query}")
                seconds[name] += time.perf_counter() - started
                columns_of[name] = connection.table(name).columns
            if joined:
                started = time.perf_counter()
                connection.execute(f"create or replace table {output.stem}.main.wide as {wide(week, columns_of)}")
                seconds["wide"] += time.perf_counter() - started
    return seconds


def read_view(warehouse: Path, output: Path) -> dict[str, float]:
    """Write the rows of the wide view of the target week into a new file, as the script does."""
    started = time.perf_counter()
    with duckdb.connect(str(output), config=SETTINGS) as connection:
        connection.execute(f"attach {literal(warehouse)} as warehouse (read_only); use warehouse")
        ((week,),) = connection.execute(
            "select prediction_week from grid.prediction_weeks where week_role = 'score'"
        ).fetchall()
        connection.execute(
            f"create table {output.stem}.main.wide as"
            f" select * from features.candidate_features where prediction_week = {week}"
        )
    return {"wide": time.perf_counter() - started}


PARTS = {
    "script": run_script,
    "scripts": partial(run_script, condition="true", joined=False),
    "view": read_view,
}


def main() -> None:
    """Measure both sides on a copy of the warehouse, and print them as a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("--vars", default="{}", help="vars that the warehouse was built with, as JSON")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(PARTS[arguments.part](arguments.warehouse, arguments.output)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(_compare(arguments.warehouse, arguments.vars, Path(folder)))


def _compare(built: Path, variables: str, folder: Path) -> str:
    warehouse = folder / built.name
    shutil.copy(built, warehouse)
    python = [sys.executable, "-m", "grocery_recommender.benchmarks.features", str(warehouse)]
    environment = {"GROCERY_WAREHOUSE": str(warehouse)}
    dbt = [str(Path(sys.executable).with_name("dbt")), "run", "--quiet", "--select", "path:models/features"]
    dbt += ["--vars", variables, "--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    measured(dbt, environment)  # so that dbt has parsed the project
    nothing = measured(dbt, environment)
    with duckdb.connect(str(warehouse)) as connection:
        ((week, pairs),) = connection.execute(
            "select prediction_week, count(*) from ml.candidates join grid.prediction_weeks using (prediction_week)"
            " where week_role = 'score' group by all"
        ).fetchall()
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'features'").fetchall()
        for (table,) in tables:
            connection.execute(f"delete from features.{table} where prediction_week = {week}")
        connection.execute("checkpoint")
    models = measured(dbt, environment)
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    view = measured([*python, "--part", "view", "--output", str(folder / "view.duckdb")])
    by_hand = measured([*python, "--part", "script", "--output", str(folder / "script.duckdb")])
    lines = [f"{pairs:,} candidates of week {week}", f"{'':<34}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}"]
    for label, cost in (
        ("dbt run of the features", models),
        ("dbt run that finds nothing to do", nothing),
        ("wide view, written", view),
        ("script by hand, wide table written", by_hand),
    ):
        lines.append(f"{label:<34}{cost.seconds:>9.1f}{cost.cpu_seconds:>9.1f}{cost.peak_megabytes:>9}")
    cpu = models.cpu_seconds - nothing.cpu_seconds + view.cpu_seconds
    lines.append(f"CPU seconds of models and view over those of the script: {cpu / by_hand.cpu_seconds:.2f}")
    for result in sorted(results, key=lambda result: -result["execution_time"]):
        lines.append(f"  {result['unique_id'].rsplit('.', 1)[-1]:<32}{result['execution_time']:>9.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
