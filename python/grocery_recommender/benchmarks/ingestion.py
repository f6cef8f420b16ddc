"""How fast LGSR files load, beside DuckDB's own typed scan of the same columns into a table.

    python -m grocery_recommender.benchmarks.ingestion --customers 5000
    python -m grocery_recommender.benchmarks.ingestion --folder FOLDER

Each figure comes from a process of its own with all cores and the memory limit of profiles.yml. The scan is measured
before and after the load, because machines are not quiet. Of a load three times are given: the whole command; its
models, from the start of the first to the end of the last, tests left out; and the one model that reads files.
Then the latest week is taken as new, and added to the others. What dbt costs anyway is measured twice: a run in which
all models find nothing new, and a run that selects no model.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from grocery_recommender.backtest import WITHOUT_TESTS
from grocery_recommender.benchmarks.processes import measured

MEMORY_LIMIT = "2GB"
COLUMN_TYPES = {
    "SHOP_WEEK": "INTEGER",
    "SHOP_DATE": "DATE",
    "SHOP_WEEKDAY": "TINYINT",
    "SHOP_HOUR": "TINYINT",
    "QUANTITY": "DECIMAL(12, 3)",
    "SPEND": "DECIMAL(12, 2)",
}


@dataclass(frozen=True)
class Measurement:
    """Time and memory of one process.

    Parameters
    ----------
    seconds : float
        Of the work itself, start-up left out.
    reading_seconds : float
        Of the part of it that reads files.
    command_seconds : float
        Of the whole process.
    peak_megabytes : int
        Largest resident set of the process and its workers.
    """

    seconds: float
    reading_seconds: float
    command_seconds: float
    peak_megabytes: int


@dataclass(frozen=True)
class IngestionBenchmark:
    """What was measured on one folder.

    Parameters
    ----------
    megabytes : float
        Size of the transaction files.
    lines : int
        Lines of data in them.
    scans : tuple of Measurement
        Bare scans to a table, before and after the load.
    load : Measurement
        All staging models on an empty warehouse.
    one_week : Measurement
        All staging models when only the latest week is new.
    nothing_new : Measurement
        All staging models when nothing is new: what dbt costs with as many nodes.
    no_models : Measurement
        A run that selects no model: what starting dbt costs.
    """

    megabytes: float
    lines: int
    scans: tuple[Measurement, ...]
    load: Measurement
    one_week: Measurement
    nothing_new: Measurement
    no_models: Measurement

    @property
    def throughput_ratio(self) -> float:
        """Throughput of the load over that of the scan, mean of both scans."""
        return sum(scan.seconds for scan in self.scans) / len(self.scans) / self.load.seconds

    def one_week_share(self, part: str) -> float:
        """Cost of adding one week over that of loading all, in one of the times of a `Measurement`."""
        return getattr(self.one_week, part) / getattr(self.load, part)

    @property
    def one_week_share_beyond_dbt(self) -> float:
        """Cost of adding one week over that of loading all, both without what a run with nothing new costs."""
        idle = self.nothing_new.command_seconds
        return (self.one_week.command_seconds - idle) / (self.load.command_seconds - idle)

    def as_text(self) -> str:
        """Return the figures as a table."""
        steps = {
            "DuckDB typed scan, before": self.scans[0],
            "DuckDB typed scan, after": self.scans[1],
            "load, all weeks": self.load,
            "load, one more week": self.one_week,
            "load, nothing new": self.nothing_new,
            "dbt without models": self.no_models,
        }
        rows = [
            f"{self.lines:,} lines, {self.megabytes:,.0f} MB; seconds:",
            f"{'':28}{'command':>9}{'models':>9}{'reading':>9}{'MB/s':>9}{'peak MB':>9}",
        ]
        for name, step in steps.items():
            reads_all = step in (*self.scans, self.load)
            throughput = f"{self.megabytes / step.seconds:.0f}" if reads_all else ""
            rows.append(
                f"{name:28}{step.command_seconds:9.2f}{step.seconds:9.2f}{step.reading_seconds:9.2f}{throughput:>9}"
                f"{step.peak_megabytes:9,}"
            )
        rows += [
            f"throughput of the load's models over the scan: {self.throughput_ratio:.2f} (floor 0.50)",
            f"one more week over all weeks (ceiling 3 %): {self.one_week_share('command_seconds'):.1%} of the command, "
            f"{self.one_week_share('seconds'):.1%} of the models, {self.one_week_share('reading_seconds'):.1%} of the "
            f"reading, {self.one_week_share_beyond_dbt:.1%} beyond a run with nothing new",
        ]
        return "\n".join(rows)


def measure(folder: Path) -> IngestionBenchmark:
    """Measure scan and load on a folder of LGSR files.

    Parameters
    ----------
    folder : Path
        At least two weeks of plain or packed files, and ``time.csv``.
    """
    folder = folder.resolve()
    files = sorted(folder.glob("transactions_*.csv*"))
    with tempfile.TemporaryDirectory() as scratch:
        workplace = Path(scratch)
        scan_before = _scan(folder, workplace)
        load = _build(folder, workplace / "all.duckdb", workplace)
        scan_after = _scan(folder, workplace)

        growing = workplace / "growing"
        latest = link_all_but_the_latest(folder, growing)
        _build(growing, workplace / "growing.duckdb", workplace)
        (growing / latest.name).symlink_to(latest)
        one_week = _build(growing, workplace / "growing.duckdb", workplace)
        nothing_new = _build(growing, workplace / "growing.duckdb", workplace)
        no_models = _build(growing, workplace / "growing.duckdb", workplace, selection="resource_type:exposure")
        with duckdb.connect(str(workplace / "all.duckdb"), read_only=True) as warehouse:
            lines = warehouse.execute("select sum(lines)::bigint from landing.lgsr_files").fetchall()[0][0]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    return IngestionBenchmark(megabytes, lines, (scan_before, scan_after), load, one_week, nothing_new, no_models)


def link_all_but_the_latest(folder: Path, growing: Path) -> Path:
    """Make a folder that lacks the latest week of another.

    Returns
    -------
    Path
        The file that is lacking.
    """
    *earlier, latest = sorted(folder.resolve().glob("transactions_*.csv*"))
    growing.mkdir()
    for path in (latest.with_name("time.csv"), *earlier):
        (growing / path.name).symlink_to(path)
    return latest


def scan(folder: Path, database: Path) -> float:
    """Let DuckDB read the files into a table with typed columns, as it would without this project.

    Returns
    -------
    float
        Seconds.
    """
    files = sorted(folder.glob("transactions_*.csv*"))
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set enable_progress_bar = false")
        names = connection.execute(
            "from read_csv($file, all_varchar = true) limit 0", {"file": str(files[0])}
        ).description
        columns = {name: COLUMN_TYPES.get(name, "VARCHAR") for name, *_ in names}
        start = time.perf_counter()
        connection.execute(
            f"""
            create table transactions as
            from read_csv($files, columns = {columns}, header = true, auto_detect = false, dateformat = '%Y%m%d')
            """,
            {"files": [str(file) for file in files]},
        )
        return time.perf_counter() - start


def _scan(folder: Path, workplace: Path) -> Measurement:
    """Run `scan` in a process of its own."""
    script = (
        "import sys; from pathlib import Path; from grocery_recommender.benchmarks.ingestion import scan; "
        "Path(sys.argv[3]).write_text(str(scan(Path(sys.argv[1]), Path(sys.argv[2]))))"
    )
    database, result = workplace / "scan.duckdb", workplace / "seconds"
    database.unlink(missing_ok=True)
    cost = measured([sys.executable, "-c", script, str(folder), str(database), str(result)])
    database.unlink()
    seconds = float(result.read_text())
    return Measurement(seconds, seconds, cost.seconds, cost.peak_megabytes)


def _build(folder: Path, database: Path, workplace: Path, selection: str = "+staging") -> Measurement:
    """Run models of the project in a process of its own; without other wish, those of staging."""
    variables = json.dumps({"retailer": "lgsr", "lgsr_path": str(folder)})
    command = [
        *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build", "--quiet"),
        *("--select", selection, *WITHOUT_TESTS, "--vars", variables),
        *("--target-path", str(workplace / "target"), "--log-path", str(workplace)),
    ]
    environment = {"GROCERY_WAREHOUSE": str(database), "GROCERY_MEMORY_LIMIT": MEMORY_LIMIT}
    cost = measured(command, environment)
    results = json.loads((workplace / "target" / "run_results.json").read_text())["results"]
    times = {
        result["unique_id"].split(".")[-1]: [
            datetime.datetime.fromisoformat(timing[moment].replace("Z", "+00:00"))
            for timing in result["timing"]
            for moment in ("started_at", "completed_at")
        ]
        for result in results
        if result["unique_id"].startswith("model.")
    }
    all_times = [moment for of_model in times.values() for moment in of_model]
    reading = _span(times.get("stg_lgsr__source_files", []))
    return Measurement(_span(all_times), reading, cost.seconds, cost.peak_megabytes)


def _span(times: list[datetime.datetime]) -> float:
    """Seconds from the first moment to the last one."""
    return (max(times) - min(times)).total_seconds() if times else 0.0


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(description="Load throughput of LGSR files beside DuckDB's own scan.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--folder", type=Path, help="folder of LGSR files")
    source.add_argument("--customers", type=int, help="make up a shop with this many customers")
    parser.add_argument("--weeks", type=int, default=117, help="weeks of the made-up shop (default: 117)")
    arguments = parser.parse_args()
    if arguments.folder:
        print(measure(arguments.folder).as_text())
        return
    with tempfile.TemporaryDirectory() as folder:
        size = ["--customers", str(arguments.customers), "--weeks", str(arguments.weeks)]
        measured([sys.executable, "-m", "grocery_recommender.synthetic_shop", folder, *size])
        print(measure(Path(folder)).as_text())


if __name__ == "__main__":
    main()
