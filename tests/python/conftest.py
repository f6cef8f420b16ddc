"""What the tests share: a small shop cut from the packaged data, and a way to run dbt on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
from grocery_recommender.backtest import WITHOUT_TESTS
from grocery_recommender.network import Network, Standardizer
from grocery_recommender.run_variables import complete_journey_folder

PROJECT = Path(__file__).parents[2]
# A part of what users would learn from, and a part of the time.
FEW_NEGATIVES = {"negative_sampling_share": 0.12}
FEW_EXAMPLES = {"training_weeks": 4, **FEW_NEGATIVES}
# What customers get, and what became of the lines of the files, without the measurements.
LISTS = (
    "+recommendations",
    "+shopping_lists",
    "+personal_flyers",
    "+forgotten_items",
    "+rejected_rows",
    "+row_reconciliation",
)


class Relation(str):
    """What ``dbt.this`` says of the model's own table."""

    database, schema = "memory", "main"
    identifier = property(str)


def undecided_network(features: int) -> Network:
    """A network of so many features that finds a purchase as likely as none."""
    standardizer = Standardizer(np.zeros(features), np.ones(features), np.array([], dtype=int))
    return Network(standardizer, [(np.zeros((features, 1)), np.zeros(1))], passes=0)


@dataclass
class Warehouse:
    """A warehouse file that dbt builds into, with the vars of its builds."""

    folder: Path
    variables: dict[str, object] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start dbt in a process group of its own; its messages come in one stream, as they appear."""
        return subprocess.Popen(
            [
                str(Path(sys.executable).with_name("dbt")),
                *arguments,
                "--vars",
                json.dumps(self.variables),
                "--target-path",
                str(self.folder / "target"),
                "--log-path",
                str(self.folder / "logs"),
            ],
            cwd=PROJECT,
            env=os.environ
            | {"GROCERY_WAREHOUSE": str(self.path), "GROCERY_PUBLISH_DIR": str(self.folder / "published")}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )

    def dbt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run dbt; the caller looks at the exit code."""
        process = self.start(*arguments)
        output, _ = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, "")

    def build(self, *selection: str, with_tests: bool = True) -> None:
        """Run ``dbt build`` of all that is selected, and fail the test with its output if it fails.

        Data and unit tests take as long as the tables of a small shop: one build of each retailer runs them.
        """
        selected = ("--select", *selection) if selection else ()
        result = self.dbt("build", *selected, *(() if with_tests else WITHOUT_TESTS))
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]

    def log(self) -> str:
        """What dbt has written down of all runs; of ten megabytes it makes a file of its own."""
        files = sorted((self.folder / "logs").glob("dbt.log*"), reverse=True)
        return "".join(file.read_text() for file in files)

    def query(self, sql: str, *parameters: object) -> list[tuple]:
        """Rows of a query on the built warehouse."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(sql, parameters).fetchall()


def cut_complete_journey(folder: Path, households: int, last_week: int = 53) -> Path:
    """Write the purchases of some households up to a week, and the offers up to the week after it."""
    source = complete_journey_folder()
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"create view t as from '{source}/transactions.parquet'")
        connection.execute(
            "create table kept as select * from t where household_id in (select household_id from t"
            f" group by household_id order by md5(household_id::varchar) limit {households})"
        )
        connection.execute(
            f"copy (from kept where week <= {last_week} order by transaction_timestamp, basket_id, product_id)"
            f" to '{folder}/transactions.parquet'"
        )
        connection.execute(
            f"copy (from '{source}/promotions.parquet' where week <= {last_week + 1}"
            " and product_id in (select product_id from kept) and store_id % 10 = 6"
            f" order by week, product_id, store_id) to '{folder}/promotions.parquet'"
        )
        for name in ("products", "demographics"):
            connection.execute(f"copy (from '{source}/{name}.parquet') to '{folder}/{name}.parquet'")
    return folder


def fingerprints(warehouse: Warehouse, schemas: tuple[str, ...]) -> dict[str, tuple]:
    """Row count and order-free content hash of every table in some schemas."""
    tables = warehouse.query(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
        f" and table_schema in {schemas}"
    )
    return {
        f"{schema}.{table}": warehouse.query(f"select count(*), bit_xor(hash(t)) from {schema}.{table} as t")[0]
        for schema, table in tables
    }
