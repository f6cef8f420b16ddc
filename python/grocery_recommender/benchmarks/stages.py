"""What each stage of a first build costs, beside floors that are measured in the same run.

    python -m grocery_recommender.benchmarks.stages --customers 5000
    python -m grocery_recommender.benchmarks.stages --folder FOLDER --vars '{"retrain_every_weeks": 4}'

A shop is built from nothing by one thread of dbt (DuckDB and the libraries use all cores), so that seconds, CPU
seconds and memory belong to the node that runs. The floors: DuckDB's own scan of the files; the script by hand for the
tables of features of the same pairs of all prediction weeks, which neither side joins; `implicit` alone for the
factors; LightGBM alone, fitting and predicting on ready matrices. Then the latest week, which the first build did not
see, is added, and built; and built once more, though nothing has changed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from grocery_recommender import als, classifier, runs, scoring
from grocery_recommender.benchmarks import features, ingestion
from grocery_recommender.benchmarks.processes import Cost, Family, measured
from grocery_recommender.synthetic_shop import ShopConfig, write_shop

# The folder of a model, finest first, is its stage.
STAGES = ("staging", "core", "grid", "ml/retrieval", "features", "ml/ranking", "ml/evaluation", "products", "marts")
STAGES_WEEKS = 117


@dataclass
class Stage:
    """Sums over the nodes of a stage."""

    nodes: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_megabytes: float = 0.0


@dataclass(frozen=True)
class Build:
    """One build, as a whole and stage by stage."""

    cost: Cost
    stages: dict[str, Stage]


def stage_of(path: str) -> str:
    """The stage of a node, by its file below ``models``; tests and all else are ``tests and hooks``."""
    for stage in STAGES:
        if path.startswith(f"{stage}/"):
            return stage
    return "publishing" if path.startswith(("publishing/", "metrics/")) else "tests and hooks"


def build(folder: Path, warehouse: Path, workplace: Path, variables: dict[str, object]) -> Build:
    """Build a shop by one thread of dbt; what a node costs is read from the process when dbt says it is over."""
    variables = variables | {"retailer": "lgsr", "lgsr_path": str(folder)}
    command = [str(Path(sys.executable).with_name("dbt")), "--log-format", "json", "build", "--threads", "1"]
    command += [
        "--vars",
        json.dumps(variables),
        "--target-path",
        str(workplace / "target"),
        "--log-path",
        str(workplace / "logs"),
    ]
    environment = {"GROCERY_WAREHOUSE": str(warehouse), "GROCERY_PUBLISH_DIR": str(workplace / "published")}
    stages: dict[str, Stage] = defaultdict(Stage)
    cpu = 0.0

    def add_node(line: str, family: Family) -> None:
        nonlocal cpu
        event = json.loads(line) if line.startswith("{") else {}
        data = event.get("data", {})
        if not {"node_info", "execution_time"} <= data.keys():
            return  # no node has ended
        node, so_far = data["node_info"], family.cpu_seconds()
        stage = stages[stage_of(node["node_path"] if node["resource_type"] == "model" else "")]
        stage.nodes += 1
        stage.seconds += data["execution_time"]
        stage.cpu_seconds += so_far - cpu
        stage.peak_megabytes = max(stage.peak_megabytes, family.take_peak())
        cpu = so_far

    return Build(measured(command, environment, add_node), stages)


def rows_of_stages(warehouse: Path, manifest: Path) -> dict[str, int]:
    """Rows of the tables that each stage has written, by its models in dbt's manifest; staging has landed the files."""
    models = {
        (node["schema"], node["alias"]): stage_of(node["path"])
        for node in json.loads(manifest.read_text())["nodes"].values()
        if node["resource_type"] == "model"
    }
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name, estimated_size from duckdb_tables()").fetchall()
    rows: dict[str, int] = defaultdict(int)
    for schema, table, size in tables:
        rows["staging" if schema == "landing" else models.get((schema, table), "tests and hooks")] += size
    return rows


def learning_floor(warehouse: Path) -> tuple[float, float]:
    """CPU seconds of LightGBM alone, on ready matrices: fitting the boosters in use, and predicting their weeks."""
    fitting = predicting = 0.0
    with duckdb.connect(str(warehouse), read_only=True, config=features.SETTINGS) as connection:
        parameters = connection.sql("from seeds.classifier_parameters").fetchall()
        fits = connection.sql(
            "select distinct target_week, training_weeks, feature_names from ml.classifier_runs where is_in_use"
        ).fetchall()
        for target_week, training_weeks, names in fits:
            columns = ", ".join((*classifier.LABELS, *names))
            examples = [
                classifier.examples_from_rows(
                    connection.sql(
                        f"select {columns} from ml.training_features where prediction_week = {week}"
                    ).to_arrow_table()
                )
                for week in json.loads(training_weeks)
            ]
            started = time.process_time()
            binned = classifier.bin_examples(*examples)
            binary, ranker = (classifier.fit(binned, classifier.configured(model, parameters)) for model in runs.MODELS)
            fitting += time.process_time() - started
            scored = connection.execute(
                "select prediction_week from grid.prediction_weeks where fitted_for_week = ?", [target_week]
            ).fetchall()
            for (week,) in scored:
                reader = connection.sql(
                    f"select {', '.join(names)} from features.candidate_features where prediction_week = {week}"
                ).to_arrow_reader(250_000)
                for batch in reader:
                    matrix = classifier.feature_matrix(batch, names)
                    started = time.process_time()
                    likely = binary.predict(matrix) >= scoring.RANKING_FLOOR
                    if likely.any():
                        ranker.predict(matrix[likely])
                    predicting += time.process_time() - started
    return fitting, predicting


def factors_floor(warehouse: Path) -> float:
    """CPU seconds of `implicit` alone over all prediction weeks, on ready matrices."""
    seconds = 0.0
    with duckdb.connect(str(warehouse), read_only=True, config=features.SETTINGS) as connection:
        weeks = connection.sql(
            "select window_first_week_index, window_last_week_index from grid.prediction_weeks"
        ).fetchall()
        for first, last in weeks:
            pairs = connection.sql(
                "select customer_key, product_key, sum(quantity) as quantity from grid.customer_item_weeks"
                f" where week_index between {first} and {last} group by all"
            ).fetchnumpy()
            _, customers = np.unique(pairs["customer_key"], return_inverse=True)
            _, products = np.unique(pairs["product_key"], return_inverse=True)
            matrix = csr_matrix((np.asarray(pairs["quantity"], dtype=np.float32), (customers, products)))
            started = time.process_time()
            config = als.AlsConfig()
            model = AlternatingLeastSquares(
                factors=config.factors, iterations=config.iterations, random_state=config.seed
            )
            with threadpool_limits(1, "blas"):
                model.fit(matrix, show_progress=False)
            seconds += time.process_time() - started
    return seconds


def main() -> None:
    """Build a shop, measure the floors, and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shop = parser.add_mutually_exclusive_group(required=True)
    shop.add_argument("--customers", type=int, help="size of the synthetic shop that is written for the bench")
    shop.add_argument("--folder", type=Path, help="an LGSR folder that is there already")
    parser.add_argument("--vars", type=json.loads, default={}, help="vars of every build, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        workplace = Path(temporary)
        folder = arguments.folder
        if folder is None:
            folder = workplace / "shop"
            write_shop(folder, ShopConfig(customers=arguments.customers), STAGES_WEEKS)
        print(_report(folder, workplace, arguments.vars))


def _report(folder: Path, workplace: Path, variables: dict[str, object]) -> str:
    warehouse, growing = workplace / "warehouse.duckdb", workplace / "growing"
    latest = ingestion.link_all_but_the_latest(folder, growing)
    first = build(growing, warehouse, workplace, variables)
    by_hand = [sys.executable, "-m", "grocery_recommender.benchmarks.features", str(warehouse)]
    by_hand += ["--part", "scripts", "--output", str(workplace / "script.duckdb")]
    script = measured(by_hand)
    fitting, predicting = learning_floor(warehouse)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        ((lines,),) = connection.execute("select sum(lines) from marts.ingested_files").fetchall()
    rows = rows_of_stages(warehouse, workplace / "target" / "manifest.json")
    started = time.process_time()
    ingestion.scan(growing, workplace / "scan.duckdb")
    floors = {
        "staging": ("scan of the files", time.process_time() - started),
        "ml/retrieval": ("implicit alone", factors_floor(warehouse)),
        "features": ("script by hand for every prediction week", script.cpu_seconds),
        "ml/ranking": ("LightGBM alone", fitting + predicting),
    }
    (growing / latest.name).symlink_to(latest)
    one_week, nothing = (build(growing, warehouse, workplace, variables) for _ in range(2))
    builds = {"first build": first, "one more week": one_week, "nothing new": nothing}
    text = [f"{lines:,} lines", *(_line(name, build.cost, first.cost) for name, build in builds.items())]
    text.append(
        f"{'stage':<18}{'nodes':>6}{'rows':>13}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}{'week, s':>9}  floor, CPU s"
    )
    for name in (*STAGES, "publishing", "tests and hooks"):
        stage = first.stages[name]
        label, seconds = floors.get(name, ("", 0.0))
        floor = f"{label} {seconds:.1f}, ratio {stage.cpu_seconds / seconds:.2f}" if seconds else ""
        text.append(
            f"{name:<18}{stage.nodes:>6}{rows[name]:>13,}{stage.seconds:>9.1f}"
            f"{stage.cpu_seconds:>8.1f}{stage.peak_megabytes:>9.0f}{one_week.stages[name].seconds:>9.1f}  {floor}"
        )
    spent, at_least = sum(first.stages[name].cpu_seconds for name in floors), sum(floor for _, floor in floors.values())
    text.append(f"CPU seconds of the stages with a floor over those of their floors: {spent / at_least:.2f}")
    return "\n".join(text)


def _line(name: str, cost: Cost, first: Cost) -> str:
    return (
        f"{name:<18}{cost.seconds:>7.0f} s{cost.cpu_seconds:>8.0f} CPU s{cost.peak_megabytes:>7} MB"
        f"  {cost.seconds / first.seconds:.2f} of the first"
    )


if __name__ == "__main__":
    main()
