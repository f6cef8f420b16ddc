"""The comparison itself, on two warehouses made by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from grocery_recommender import parity
from grocery_recommender.quoting import literal


@pytest.fixture
def engines(tmp_path: Path) -> tuple[Path, Path]:
    """A DuckDB file and a folder like Spark's: equal but for the keys, which each engine makes in its own way."""
    place = tmp_path / "baker's shop"
    place.mkdir()
    warehouse, folder = place / "warehouse.duckdb", place / "spark"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema core")
        for name, query in tables(first_key=1).items():
            connection.execute(f"create table core.{name} as {query}")
    write_folder(folder, tables(first_key=501))
    return warehouse, folder


def tables(first_key: int, value: str = "0.5", third_customer: str = "c") -> dict[str, str]:
    levels = ("product", "subcategory", "category", "department", "division")
    return {
        "dim_customer_versions": (
            f"select {first_key} + i as customer_key, ['a', 'b', '{third_customer}'][i + 1] as customer_id"
            " from range(3) as r(i)"
        ),
        "dim_product_versions": "select "
        + ", ".join(
            f"'x' as {level}_id, {first_key} + 10 + {place} as {level}_key" for place, level in enumerate(levels)
        ),
        "purchases": f"select {first_key} + i as customer_key, i::integer as week, {value}::double as spend"
        " from range(3) as r(i)",
    }


def write_folder(folder: Path, queries: dict[str, str]) -> None:
    for name, query in queries.items():
        (folder / f"core.db/{name}").mkdir(parents=True, exist_ok=True)
        duckdb.sql(f"copy ({query}) to {literal(folder / f'core.db/{name}/part-0.parquet')}")


def differing(engines: tuple[Path, Path]) -> dict[str, parity.Comparison]:
    return {result.table: result for result in parity.compare(*engines) if not result.is_equal}


def test_equal_warehouses_are_equal_whatever_their_keys(engines: tuple[Path, Path]) -> None:
    assert differing(engines) == {}
    assert {result.rows for result in parity.compare(*engines)} == {1, 3}


def test_a_number_may_differ_within_the_tolerance(engines: tuple[Path, Path]) -> None:
    write_folder(engines[1], tables(501, value="0.5 + 1e-10"))
    assert differing(engines) == {}
    write_folder(engines[1], tables(501, value="case i when 1 then 0.5 + 1e-8 else 0.5 end"))
    assert differing(engines)["core.purchases"].different_columns == ("spend",)


def test_a_null_is_no_number(engines: tuple[Path, Path]) -> None:
    write_folder(engines[1], tables(501, value="case i when 1 then null else 0.5 end"))
    assert differing(engines)["core.purchases"].largest_difference == float("inf")


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_number_hides_no_difference(engines: tuple[Path, Path], value: str) -> None:
    write_folder(engines[1], tables(501, value=f"case i when 1 then '{value}'::double when 2 then 9 else 0.5 end"))
    (purchases,) = differing(engines).values()
    assert (purchases.different_columns, purchases.largest_difference) == (("spend",), float("inf"))


def test_a_table_without_a_file_is_empty(engines: tuple[Path, Path]) -> None:
    (engines[1] / "core.db/purchases/part-0.parquet").unlink()
    assert differing(engines)["core.purchases"].only_left == 3


def test_rows_and_columns_of_one_engine_only_are_counted(engines: tuple[Path, Path]) -> None:
    write_folder(engines[1], tables(501, third_customer="d"))
    results = differing(engines)
    assert {(result.only_left, result.only_right) for result in results.values()} == {(1, 1)}
    write_folder(engines[1], {**tables(501), "purchases": tables(501)["purchases"].replace("spend", "paid")})
    assert differing(engines)["core.purchases"].different_columns == ("paid", "spend")


def test_a_missing_warehouse_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        list(parity.compare(tmp_path / "nowhere", tmp_path))
