"""The same project on a Spark cluster that loses a worker: its tables against DuckDB's, on two small shops."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
from conftest import PROJECT, WITHOUT_TESTS, Warehouse, cut_complete_journey
from grocery_recommender import parity
from grocery_recommender.synthetic_shop import ShopConfig, write_shop

if TYPE_CHECKING:
    from grocery_recommender.spark import Session

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

# Tables of a few thousand rows: compiling each query would take longer than running it.
SETTINGS = (
    "spark.executor.memory=1g",
    "spark.sql.shuffle.partitions=2",
    "spark.sql.codegen.wholeStage=false",
    "spark.sql.codegen.factoryMode=NO_CODEGEN",
    # Of no use to partitions of a few rows, and broken without compiled code.
    "spark.sql.optimizer.dynamicPartitionPruning.enabled=false",
)
SHOP = ShopConfig(customers=60)
WEEKS = 62
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
# The worker is killed when dbt begins this model: what it had shuffled for it is lost, and made again.
KILLED_IN = "customer_item_days"


class Cluster:
    """A standalone master and two workers with an executor each, as processes of their own on the loopback."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.master = f"spark://127.0.0.1:{probe.getsockname()[1]}"
        self.folder = folder
        port = self.master.rpartition(":")[2]
        self.processes = [self._start("master.Master", "--port", port)]
        self._wait_for("I have been elected leader", times=1)
        self.processes += [self._start("worker.Worker", "-c", "1", "-m", "1g", self.master) for _ in range(2)]
        self._wait_for("Registering worker", times=2)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        spark_home = importlib.util.find_spec("pyspark").submodule_search_locations[0]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    f"{spark_home}/bin/spark-class",
                    f"org.apache.spark.deploy.{name}",
                    *("--host", "127.0.0.1", "--webui-port", "0"),
                    *arguments,
                ],
                env=os.environ | {"SPARK_WORKER_DIR": str(self.folder / "work"), "SPARK_LOCAL_IP": "127.0.0.1"},
                stdout=log,
                stderr=log,
            )

    def _wait_for(self, message: str, times: int) -> None:
        log = self.folder / "master.Master.log"
        for _ in range(300):
            if log.read_text().count(message) >= times:
                return
            time.sleep(1)
        self.stop()
        raise TimeoutError(f"no {message!r} in the master's log:\n{log.read_text()[-2000:]}")

    def kill_a_worker(self) -> None:
        """Kill the last worker; its executor ends with it."""
        self.processes.pop().kill()

    def stop(self) -> None:
        """End the workers that are left, then the master."""
        while self.processes:
            process = self.processes.pop()
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@dataclass(frozen=True)
class Engines:
    """A shop that both engines have built, and the comparison of their tables."""

    warehouse: Warehouse
    comparisons: list[parity.Comparison]


@pytest.fixture(scope="module")
def complete_journey(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Engines:
    """Forty households; a worker is killed while Spark builds."""
    folder = tmp_path_factory.mktemp("complete_journey")
    data = cut_complete_journey(folder / "data", households=40)
    warehouse = Warehouse(folder, {"complete_journey_path": str(data), "training_weeks": 1})
    return _built(warehouse, cluster, WITHOUT_TESTS)


@pytest.fixture(scope="module")
def lgsr(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, complete_journey: Engines) -> Engines:
    """Weekly files on two Mondays, with the worker that is left; on the second, Spark runs the data tests too."""
    folder = tmp_path_factory.mktemp("lgsr")
    warehouse = Warehouse(folder, {"retailer": "lgsr", "lgsr_path": str(folder / "shop"), "training_weeks": 1})
    write_shop(folder / "shop", SHOP, WEEKS - 1)
    _built(warehouse, cluster, WITHOUT_TESTS)
    write_shop(folder / "shop", SHOP, WEEKS)
    return _built(warehouse, cluster, WITHOUT_UNIT_TESTS)


@pytest.fixture(params=["complete_journey", "lgsr"])
def engines(request: pytest.FixtureRequest) -> Engines:
    return request.getfixturevalue(request.param)


def _built(warehouse: Warehouse, cluster: Cluster, options: tuple[str, ...]) -> Engines:
    _build(warehouse, cluster, "duckdb", WITHOUT_TESTS)
    _build(warehouse, cluster, "spark", options)
    return Engines(warehouse, list(parity.compare(warehouse.path, warehouse.folder / "spark")))


def _build(warehouse: Warehouse, cluster: Cluster, target: str, options: tuple[str, ...]) -> None:
    process = warehouse.start(
        *("build", "--target", target, *options),
        GROCERY_PUBLISH_DIR=str(warehouse.folder / f"published_by_{target}"),
        SPARK_MASTER=cluster.master,
        SPARK_LOCAL_IP="127.0.0.1",
        PYSPARK_SUBMIT_ARGS=" ".join(f"--conf {setting}" for setting in SETTINGS) + " pyspark-shell",
        GROCERY_SPARK_WAREHOUSE=str(warehouse.folder / "spark"),
        PYTHONPATH=str(PROJECT / "python"),
    )
    output = []
    for line in process.stdout:
        output.append(line)
        if target == "spark" and len(cluster.processes) == 3 and "START" in line and KILLED_IN in line:
            cluster.kill_a_worker()
    assert process.wait() == 0, "".join(output)[-6000:]


def test_every_table_is_the_same_on_both_engines(engines: Engines) -> None:
    assert [str(comparison) for comparison in engines.comparisons if not comparison.is_equal] == []


def test_every_layer_is_compared(engines: Engines) -> None:
    rows = {comparison.table: comparison.rows for comparison in engines.comparisons}
    assert {table.split(".")[0] for table in rows} == set(parity.SCHEMAS)
    for table in (
        "core.fct_basket_items",
        "grid.customer_item_weeks",
        "features.customer_item_features",
        "ml.candidate_scores",
        "marts.recommendations",
    ):
        assert rows[table] > 1000, table


def test_the_second_monday_judges_the_first(lgsr: Engines) -> None:
    rows = {comparison.table: comparison.rows for comparison in lgsr.comparisons}
    assert rows["marts.recommendation_outcomes"] > 1000
    assert rows["marts.model_runs"] == 12  # Three models of each of four weeks.
    assert rows["marts.ingested_files"] == WEEKS


def test_both_engines_publish_the_same_marts(engines: Engines) -> None:
    described = []
    for target in ("duckdb", "spark"):
        publication = engines.warehouse.folder / f"published_by_{target}/current/serving.duckdb"
        with duckdb.connect(str(publication), read_only=True) as serving:
            tables = serving.execute(
                "select table_name, comment, estimated_size from duckdb_tables() order by all"
            ).fetchall()
            columns = serving.execute(
                "select table_name, column_name, data_type from duckdb_columns() order by all"
            ).fetchall()
            lists = serving.execute(
                "select customer_id, position, product_id, reason from marts.shopping_lists order by all"
            ).fetchall()
            described.append((tables, columns, lists))
    assert described[0] == described[1]
    assert len(described[0][2]) > 100


def test_the_build_went_on_without_the_worker(complete_journey: Engines, cluster: Cluster) -> None:
    assert len(cluster.processes) == 2
    assert "Removing worker" in (cluster.folder / "master.Master.log").read_text()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    from grocery_recommender.spark import Session
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False)
    builder = builder.config("spark.sql.catalogImplementation", "in-memory")
    spark = builder.config("spark.sql.warehouse.dir", str(tmp_path / "of a shop")).getOrCreate()
    spark.sql("create schema ml")
    yield Session(spark)
    spark.stop()


def test_what_a_killed_build_left_is_undone(session: Session, tmp_path: Path) -> None:
    """Files of a table that Spark does not list yet, an unfinished table, and one that was to be replaced."""

    def numbers(name: str) -> list[tuple]:
        return session.sql(f"select number from ml.{name}").fetchall()

    session.save(pa.table({"number": [1]}), "ml.runs")
    session.save(pa.table({"number": [2]}), "ml.runs")
    session.save(pa.table({"number": [3]}), "ml.scores")
    session.spark.sql("alter table ml.runs rename to ml.runs__dbt_backup")
    session.spark.sql("create table ml.runs__dbt_tmp using parquet as select 4 as number")
    session.spark.sql("create table ml.scores__dbt_backup using parquet as select 5 as number")
    warehouse = tmp_path / "of a shop"
    of_others = [warehouse / "metastore", warehouse / "ml.db/of_others"]
    for folder in (*of_others, warehouse / "ml.db/lists", warehouse / "ml.db/lists__dbt_tmp"):
        (folder / "_temporary").mkdir(parents=True)
    session.sweep(["ml.runs", "ml.scores", "ml.lists", "not_there_yet.lists"])
    assert all(folder.exists() for folder in of_others)
    assert sorted(table.name for table in session.spark.catalog.listTables("ml")) == ["runs", "scores"]
    assert (numbers("runs"), numbers("scores")) == ([(2,)], [(3,)])
    session.save(pa.table({"number": [6]}), "ml.lists")
    assert numbers("lists") == [(6,)]
