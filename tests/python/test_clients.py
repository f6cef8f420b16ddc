"""Readers of a publication that are not the DuckDB which wrote it: an older one, data frames, and SQL over a driver."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conftest import PROJECT, Warehouse

PYTHON = PROJECT / ".venv-clients" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="`make test` installs the readers into .venv-clients")

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
        [PYTHON, "-c", script, published, QUESTIONS], capture_output=True, text=True, check=False, cwd=Path("/")
    )
    assert process.returncode == 0, process.stderr
    (expected,) = full_warehouse.query(QUESTIONS)
    assert json.loads(process.stdout) == [float(answer) for answer in expected]
    assert 0 < expected[2] <= expected[1] < expected[0]
