"""The adapter of The Complete Journey on files of a user's own."""

from __future__ import annotations

from pathlib import Path

import duckdb
from conftest import Warehouse


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
