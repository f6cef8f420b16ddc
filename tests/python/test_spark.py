"""The same project on Spark: every table up to the features, against DuckDB's, on a small shop."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from conftest import PROJECT, WITHOUT_TESTS, Warehouse, cut_complete_journey
from grocery_recommender import parity

missing = [
    name
    for name, is_there in {
        "Java": shutil.which("java"),
        "pyspark and dbt-spark (requirements-spark.txt)": importlib.util.find_spec("pyspark")
        and importlib.util.find_spec("dbt.adapters.spark"),
    }.items()
    if not is_there
]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"Spark needs {' and '.join(missing)}")


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory: pytest.TempPathFactory) -> list[parity.Comparison]:
    """Both builds of forty households, without tests: the tables are compared instead."""
    folder = tmp_path_factory.mktemp("engines")
    data = cut_complete_journey(folder / "data", households=40)
    warehouse = Warehouse(folder, {"complete_journey_path": str(data), "training_weeks": 1})
    for target in ("duckdb", "spark"):
        process = warehouse.start(
            "build",
            "--target",
            target,
            "--selector",
            "spark",
            *WITHOUT_TESTS,
            SPARK_MASTER="local[2]",
            PYSPARK_SUBMIT_ARGS="--conf spark.sql.shuffle.partitions=2 pyspark-shell",
            GROCERY_SPARK_WAREHOUSE=str(folder / "spark"),
            PYTHONPATH=str(PROJECT / "python"),
        )
        output, _ = process.communicate()
        assert process.returncode == 0, output[-6000:]
    return list(parity.compare(warehouse.path, Path(folder / "spark")))


def test_every_table_is_the_same_on_both_engines(comparisons: list[parity.Comparison]) -> None:
    assert [str(comparison) for comparison in comparisons if not comparison.is_equal] == []


def test_every_layer_is_compared(comparisons: list[parity.Comparison]) -> None:
    rows = {comparison.table: comparison.rows for comparison in comparisons}
    assert {table.split(".")[0] for table in rows} == set(parity.SCHEMAS)
    for table in ("core.fct_basket_items", "grid.customer_item_weeks", "features.customer_item_features"):
        assert rows[table] > 1000, table
