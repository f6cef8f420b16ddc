"""How fast LGSR files load, beside DuckDB's own typed scan of the same columns into a table.

    python -m grocery_recommender.benchmarks.ingestion --customers 5000
    python -m grocery_recommender.benchmarks.ingestion --folder FOLDER

Each figure comes from a process of its own with the threads and the memory limit of profiles.yml. The scan is measured
before and after the load, because machines are not quiet. The load is measured from the start of the first model to the
end of the last one, data tests left out; then the latest week is taken as new, and added to the others.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

PROJECT = Path(__file__).parents[3]
THREADS = 2
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
    peak_megabytes : int
        Largest resident set of the process.
    """

    seconds: float
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
        All staging models when nothing is new: what dbt itself costs.
    """

    megabytes: float
    lines: int
    scans: tuple[Measurement, ...]
    load: Measurement
    one_week: Measurement
    nothing_new: Measurement

    @property
    def throughput_ratio(self) -> float:
        """Throughput of the load over that of the scan, mean of both scans."""
        return sum(scan.seconds for scan in self.scans) / len(self.scans) / self.load.seconds

    @property
    def one_week_share(self) -> float:
        """Cost of adding one week over that of loading all, both without what a run of dbt costs anyway."""
        idle = self.nothing_new.seconds
        return (self.one_week.seconds - idle) / (self.load.seconds - idle)

    def as_text(self) -> str:
        """Return the figures as a table."""
        steps = [*(("DuckDB typed scan to table", scan) for scan in self.scans), ("load, all weeks", self.load)]
        rows = [f"{self.lines:,} lines, {self.megabytes:,.0f} MB", f"{'':30}{'seconds':>9}{'MB/s':>9}{'peak MB':>9}"]
        rows += [
            f"{name:30}{step.seconds:9.2f}{self.megabytes / step.seconds:9.0f}{step.peak_megabytes:9,}"
            for name, step in steps
        ]
        for name, step in (("load, one more week", self.one_week), ("load, nothing new", self.nothing_new)):
            rows.append(f"{name:30}{step.seconds:9.2f}{'':9}{step.peak_megabytes:9,}")
        rows.append(f"throughput of the load over the scan: {self.throughput_ratio:.2f} (floor 0.50)")
        rows.append(
            f"one more week over all weeks: {self.one_week_share:.1%} beyond a run with nothing new (ceiling 3 %), "
            f"{self.one_week.seconds / self.load.seconds:.1%} with it"
        )
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
        growing.mkdir()
        for path in (folder / "time.csv", *files[:-1]):
            (growing / path.name).symlink_to(path)
        _build(growing, workplace / "growing.duckdb", workplace)
        (growing / files[-1].name).symlink_to(files[-1])
        one_week = _build(growing, workplace / "growing.duckdb", workplace)
        nothing_new = _build(growing, workplace / "growing.duckdb", workplace)
        with duckdb.connect(str(workplace / "all.duckdb"), read_only=True) as warehouse:
            lines = warehouse.execute("select sum(lines)::bigint from landing.lgsr_files").fetchall()[0][0]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    return IngestionBenchmark(megabytes, lines, (scan_before, scan_after), load, one_week, nothing_new)


def scan(folder: Path, database: Path) -> float:
    """Let DuckDB read the files into a table with typed columns, as it would without this project.

    Returns
    -------
    float
        Seconds.
    """
    files = sorted(folder.glob("transactions_*.csv*"))
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"set threads = {THREADS}")
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
    peak = _run([sys.executable, "-c", script, str(folder), str(database), str(result)], {})
    database.unlink()
    return Measurement(float(result.read_text()), peak)


def _build(folder: Path, database: Path, workplace: Path) -> Measurement:
    """Run the staging models of the project in a process of its own."""
    variables = json.dumps({"retailer": "lgsr", "lgsr_path": str(folder)})
    command = [
        *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build", "--quiet"),
        *("--select", "+staging", "--exclude-resource-type", "test", "--vars", variables),
        *("--target-path", str(workplace / "target"), "--log-path", str(workplace)),
    ]
    peak = _run(command, {"GROCERY_WAREHOUSE": str(database), "GROCERY_MEMORY_LIMIT": MEMORY_LIMIT})
    results = json.loads((workplace / "target" / "run_results.json").read_text())["results"]
    times = [
        datetime.datetime.fromisoformat(timing[moment].replace("Z", "+00:00"))
        for result in results
        if result["unique_id"].startswith("model.")
        for timing in result["timing"]
        for moment in ("started_at", "completed_at")
    ]
    return Measurement((max(times) - min(times)).total_seconds(), peak)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command at the root of the project, and return its peak memory in megabytes."""
    paths = os.pathsep.join([str(PROJECT / "python"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"PYTHONPATH": paths} | environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss // 1024


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
        _run([sys.executable, "-m", "grocery_recommender.synthetic_shop", folder, *size], {})
        print(measure(Path(folder)).as_text())


if __name__ == "__main__":
    main()
