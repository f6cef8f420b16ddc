"""Whether two engines built the same tables: ``python -m grocery_recommender.parity DUCKDB_FILE SPARK_FOLDER``.

DuckDB reads both: its own file, and the Parquet folders of Spark. Tables that only one engine has are left out. Each
engine makes keys in its own way, so that rows are matched on the ids behind them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from grocery_recommender.quoting import literal

SCHEMAS = ("staging", "core", "grid", "ml", "features", "products", "marts")
# Hashes of an engine's own and what they name, times, and JSON, in which an engine writes 1e-9 and the other 1E-9.
NOT_COMPARED = {
    *("build_fingerprint", "window_fingerprint", "example_fingerprint", "input_fingerprint", "week_fingerprint"),
    "model_run_id",
    *("loaded_at", "fitted_at", "fit_seconds"),
    "raw_line",
}
# What it lists are files that each engine writes for itself.
LEFT_OUT = ("published_marts",)
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Comparison:
    """One table on both engines.

    ``only_left`` and ``only_right`` count rows that the other engine lacks; ``largest_difference`` is that of any
    number in a common row, relative to its size where that is above 1; infinite where only one engine has a number.
    """

    table: str
    rows: int
    only_left: int
    only_right: int
    columns: int
    different_columns: tuple[str, ...]
    largest_difference: float

    @property
    def is_equal(self) -> bool:
        """Whether both engines hold the same rows, within the tolerance."""
        return not (self.only_left or self.only_right or self.different_columns)


def compare(warehouse: Path, spark_folder: Path, schemas: tuple[str, ...] = SCHEMAS) -> Iterator[Comparison]:
    """Compare each table that both engines have.

    Parameters
    ----------
    warehouse
        The DuckDB file; nothing else may be writing it.
    spark_folder
        The folder of Spark's tables, ``spark.sql.warehouse.dir``.
    schemas
        The layers to look at.

    Raises
    ------
    FileNotFoundError
        If either of them does not exist.
    """
    for path in (warehouse, spark_folder):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist: build with both engines first")
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(warehouse)} as duck (read_only)")
        folders = {
            (schema, folder.name): folder
            for schema in schemas
            for folder in sorted((spark_folder / f"{schema}.db").glob("*"))
        }
        for engine in ("duck", "spark"):
            _read_key_names(connection, engine, folders)
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'duck' order by all"
        ).fetchall()
        for schema, table in tables:
            if (schema, table) in folders and table not in LEFT_OUT:
                yield _compare_table(connection, schema, table, folders[schema, table])


def _source(engine: str, schema: str, table: str, folder: Path) -> str:
    if engine == "duck":
        return f"duck.{schema}.{table}"
    # Spark writes no file for no rows.
    if not any(folder.rglob("*.parquet")):
        return f"(select * from duck.{schema}.{table} limit 0)"
    return f"read_parquet({literal(folder / '**/*.parquet')}, hive_partitioning = true)"


def _read_key_names(connection: duckdb.DuckDBPyConnection, engine: str, folders: dict[tuple[str, str], Path]) -> None:
    """Make the table ``<engine>_keys``: each surrogate key of an engine, and what it stands for."""
    customers, products = (
        _source(engine, "core", table, folders["core", table])
        for table in ("dim_customer_versions", "dim_product_versions")
    )
    levels = ("product", "subcategory", "category", "department", "division")
    names = [f"select customer_key as key, customer_id as name from {customers}"]
    names += [f"select {level}_key, '{level}/' || {level}_id from {products}" for level in levels]
    connection.execute(f"create table {engine}_keys as select distinct * from ({' union all '.join(names)})")


def _compare_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str, folder: Path) -> Comparison:
    sources = {engine: _source(engine, schema, table, folder) for engine in ("duck", "spark")}
    types = {name: kind for name, kind, *_ in connection.execute(f"describe from {sources['duck']}").fetchall()}
    names = {name for name, *_ in connection.execute(f"describe from {sources['spark']}").fetchall()}
    compared = [name for name in types if name in names and name not in NOT_COMPARED]
    numbers = [name for name in compared if types[name] in ("FLOAT", "DOUBLE")]
    exact = [name for name in compared if name not in numbers]
    for engine, source in sources.items():
        columns = [
            f"(select name from {engine}_keys where key = rows.{name}) as {name}"
            if name.endswith("_key")
            else f"cast({name} as {types[name]}) as {name}"
            for name in exact + numbers
        ]
        connection.execute(
            f"create or replace temp table {engine}_rows as select {', '.join(columns)} from {source} as rows"
        )
    # Rows that are equal in all exact columns (a table without floats has these alone) are told apart by their number.
    for engine in sources:
        connection.execute(
            f"create or replace temp table {engine}_numbered as select *, row_number() over"
            f" (partition by {', '.join(exact)} order by {', '.join(numbers or exact[:1])}) as copy"
            f" from {engine}_rows"
        )
    matched = " and ".join(f"l.{name} is not distinct from r.{name}" for name in [*exact, "copy"])
    # NaN exceeds no tolerance, so that a value that is a number on one engine only must count as infinitely far.
    gaps = "".join(
        f", max(case when l.{name} is not distinct from r.{name} then 0 when isfinite(l.{name}) and isfinite(r.{name})"
        f" then abs(l.{name}::double - r.{name}) / greatest(abs(l.{name}::double), 1) else 'infinity'::double end)"
        f" filter (l.copy is not null and r.copy is not null)"
        for name in numbers
    )
    rows, only_left, only_right, *differences = connection.execute(
        "select count(l.copy), count(*) filter (r.copy is null), count(*) filter (l.copy is null)"
        f"{gaps} from duck_numbered as l full join spark_numbered as r on {matched}"
    ).fetchone()
    largest = dict(zip(numbers, (difference or 0.0 for difference in differences), strict=True))
    different = sorted(set(types) ^ names) + [name for name in numbers if largest[name] > TOLERANCE]
    return Comparison(
        f"{schema}.{table}",
        rows,
        only_left,
        only_right,
        len(exact) + len(numbers),
        tuple(different),
        max(largest.values(), default=0.0),
    )


def main() -> int:
    """Print one line per table; the exit code is 1 when any differs."""
    parser = argparse.ArgumentParser(prog="python -m grocery_recommender.parity", description=__doc__)
    parser.add_argument("warehouse", type=Path, help="the DuckDB file")
    parser.add_argument("spark_folder", type=Path, help="the folder of Spark's tables")
    arguments = parser.parse_args()
    print(f"{'table':46} {'rows':>9} {'only here':>9} {'only there':>10} {'columns':>7} {'largest':>8}  differs in")
    comparisons = []
    for result in compare(arguments.warehouse, arguments.spark_folder):
        comparisons.append(result)
        print(
            f"{result.table:46} {result.rows:9,} {result.only_left:9,} {result.only_right:10,} {result.columns:7}"
            f" {result.largest_difference:8.1e}  {', '.join(result.different_columns) or '-'}"
        )
    equal = sum(result.is_equal for result in comparisons)
    print(f"{equal} of {len(comparisons)} tables are equal")
    return 0 if comparisons and equal == len(comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
