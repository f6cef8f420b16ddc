"""The adapter of The Complete Journey on files of a user's own."""

from __future__ import annotations

from pathlib import Path

import duckdb
from conftest import Warehouse
from grocery_recommender.backtest import WITHOUT_TESTS


def write_files(folder: Path, lines: int) -> Path:
    """Write what the lines of transactions need: so many good ones, and their product."""
    folder.mkdir()
    queries = {
        "transactions": "select 1 as household_id, 2 as store_id, 3 + line as basket_id, 4 as product_id,"
        " 1 as quantity, 1.5::double as sales_value, 5 as week,"
        f" timestamp '2017-02-01 12:00:00' as transaction_timestamp from range({lines}) as lines (line)",
        "products": "select 4 as product_id, 'GROCERY' as department, 'SOUP' as product_category,"
        " 'SOUP' as product_type, 'National' as brand, '1' as package_size",
    }
    for name, query in queries.items():
        duckdb.sql(query).write_parquet(str(folder / f"{name}.parquet"))
    return folder


def test_folder_may_have_any_name(tmp_path: Path) -> None:
    """Also one that is a pattern, which the names of other folders match."""
    folder = write_files(tmp_path / "it's; a [shop]*?", 3)
    write_files(tmp_path / "it's; a shop of others", 4)
    write_files(tmp_path / "it's; a [shop] of others", 5)
    warehouse = Warehouse(tmp_path, {"complete_journey_path": str(folder)})
    warehouse.build("+stg_complete_journey__source_files", "+stg_complete_journey__transaction_lines", with_tests=False)
    files = warehouse.query("select lines, duplicates, bytes from staging.stg_complete_journey__source_files")
    assert files == [(3, 0, (folder / "transactions.parquet").stat().st_size)]
    assert warehouse.query("select count(*) from staging.stg_complete_journey__transaction_lines") == [(3,)]


def test_a_line_that_cannot_be_read_repeats_none(tmp_path: Path) -> None:
    """Weeks 48.4 and 48.6 are both no week; that does not make one line of the two."""
    folder = write_files(tmp_path / "shop", 1)
    lines = duckdb.sql(
        "select * replace (unnest([48.4, 48.6, 5, 5]::double[]) as week)"
        f" from read_parquet('{folder}/transactions.parquet')"
    ).to_arrow_table()
    duckdb.from_arrow(lines).write_parquet(str(folder / "transactions.parquet"))
    warehouse = Warehouse(tmp_path, {"complete_journey_path": str(folder)})
    warehouse.build("+stg_complete_journey__rejected_lines", with_tests=False)
    lines = warehouse.query(
        "select line_number, is_duplicate, rejection_reason from staging.stg_complete_journey__checked_lines order by 1"
    )
    assert lines == [(1, False, "unknown_week"), (2, False, "unknown_week"), (3, False, None), (4, True, None)]
    rejected = warehouse.query(
        "select line_number, reason from staging.stg_complete_journey__rejected_lines order by 1"
    )
    assert rejected == [(1, "unknown_week"), (2, "unknown_week")]


def rewrite_lines(folder: Path, columns: str, source: str = "") -> None:
    """Replace columns of the transactions, which may be multiplied by another relation."""
    path = folder / "transactions.parquet"
    duckdb.from_arrow(
        duckdb.sql(f"select * replace ({columns}) from read_parquet('{path}') {source}").to_arrow_table()
    ).write_parquet(str(path))


def test_a_week_without_lines_between_others_stops_the_build(tmp_path: Path) -> None:
    """As one line from a till with a wrong year makes many: its week and its date agree."""
    folder = write_files(tmp_path / "shop", 1)
    dates = "transaction_timestamp + to_days((7 * (number - 5))::int) as transaction_timestamp"
    rewrite_lines(folder, f"number as week, {dates}", ", (values (5), (6), (9)) as weeks (number)")
    warehouse = Warehouse(tmp_path, {"complete_journey_path": str(folder)})
    result = warehouse.dbt("build", "--select", "+dim_weeks", *WITHOUT_TESTS)
    assert result.returncode == 1
    assert "week 7 has no transactions, while weeks before and after it have" in result.stdout


def test_a_file_with_many_damaged_lines_stops_the_build(tmp_path: Path) -> None:
    """Returns are no damage; a larger share can be let pass."""
    folder = write_files(tmp_path / "shop", 10)
    rewrite_lines(
        folder,
        "case when basket_id < 5 then null else sales_value end as sales_value,"
        " case when basket_id >= 8 then -1 else quantity end as quantity",
    )
    warehouse = Warehouse(tmp_path, {"complete_journey_path": str(folder)})
    result = warehouse.dbt("build", "--select", "+dim_weeks", *WITHOUT_TESTS)
    assert result.returncode == 1
    assert "2 of 10 lines are damaged" in result.stdout
    assert "most often: invalid_spend" in result.stdout
    warehouse.variables["max_rejected_share"] = 0.2
    warehouse.build("+transaction_lines", with_tests=False)
    assert warehouse.query("select count(*) from staging.transaction_lines") == [(3,)]


def test_a_date_without_a_time_is_that_of_the_shop(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", 1)
    rewrite_lines(folder, "transaction_timestamp::date as transaction_timestamp")
    warehouse = Warehouse(tmp_path, {"complete_journey_path": str(folder)})
    warehouse.build("+transaction_lines", with_tests=False)
    assert warehouse.query("select purchased_on::text from staging.transaction_lines") == [("2017-02-01",)]


def test_lines_of_excluded_departments_and_categories_are_rejected(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "shop", 3)
    for name, change in {
        "transactions": "product_id + basket_id - 3 as product_id",
        "products": "unnest([4, 5, 6]) as product_id, unnest(['GROCERY', 'FUEL', 'DRUG GM']) as department,"
        " unnest(['TICKETS', 'TICKETS', 'TICKETS']) as product_category",
    }.items():
        rows = duckdb.sql(f"select * replace ({change}) from read_parquet('{folder}/{name}.parquet')").to_arrow_table()
        duckdb.from_arrow(rows).write_parquet(str(folder / f"{name}.parquet"))
    warehouse = Warehouse(tmp_path, {"complete_journey_path": str(folder)})
    warehouse.build("+stg_complete_journey__checked_lines", with_tests=False)
    lines = warehouse.query(
        "select product_id, rejection_reason from staging.stg_complete_journey__checked_lines order by 1"
    )
    assert lines == [("4", None), ("5", "excluded_department"), ("6", "excluded_category")]
