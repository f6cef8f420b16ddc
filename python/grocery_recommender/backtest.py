"""``python -m grocery_recommender.backtest``: re-make past weeks one after the other, as each Monday would have.

Each week is one ``dbt build`` with its ``target_week``, so that nothing is learnt from what came later, in a copy of
the warehouse beside it: the lists that customers got, and how they did, stay what they were. The last is the regular
build; it leaves the figures of all weeks, pooled, in the copy's ``marts.model_performance`` (protocol
``ranking_pooled``), and judges the lists that the weeks before had made. Nothing is published.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import yaml

from grocery_recommender.run_variables import values_of_vars

DBT = Path(sys.executable).with_name("dbt")
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
UNPUBLISHED = ("--exclude", "published_marts")
# Test weeks that are pooled where neither the command nor the project says how many.
WEEKS = 4


def past_target_weeks(warehouse: Path, weeks: int) -> list[int]:
    """Target weeks of a backtest over the last complete weeks, without the regular one that follows them.

    Parameters
    ----------
    warehouse
        DuckDB file with ``core.dim_weeks``.
    weeks
        How many test weeks the backtest covers, the regular build's included.

    Returns
    -------
    list of int
        In order of time, ``weeks - 1`` of them; fewer where the calendar is short.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select week from core.dim_weeks where weeks_to_target between ? and -1 order by week_index", [1 - weeks]
        ).fetchall()
    return [week for (week,) in rows]


def default_weeks(variables: dict[str, object]) -> int:
    """Test weeks that a backtest pools where the command does not say how many: the var, wherever it was given."""
    project = yaml.safe_load(Path("dbt_project.yml").read_text())
    return int(values_of_vars(project, variables)["backtest_weeks"] or 0) or WEEKS  # "2" is a number, too


def main() -> None:
    """Run the builds; stops at the first that fails, with its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weeks", type=int, help="test weeks to pool; default: the var backtest_weeks")
    parser.add_argument("--vars", type=json.loads, default={}, help="vars of every build, as JSON")
    arguments = parser.parse_args()
    weeks = default_weeks(arguments.vars) if arguments.weeks is None else arguments.weeks
    if weeks < 2:
        sys.exit("nothing to pool: give --weeks 2 or more")
    retailer = arguments.vars.get("retailer", "complete_journey")
    warehouse = Path(os.environ.get("GROCERY_WAREHOUSE", f"warehouse/{retailer}.duckdb"))
    copy = warehouse.with_name(f"{warehouse.stem}.backtest.duckdb")
    copy_warehouse(warehouse, copy)
    in_copy = {"GROCERY_WAREHOUSE": str(copy)}
    build(arguments.vars, "--select", "+dim_weeks", *WITHOUT_TESTS, **in_copy)
    for week in past_target_weeks(copy, weeks):
        print(f"backtest: target week {week}", flush=True)
        build(arguments.vars | {"target_week": week}, *WITHOUT_TESTS, *UNPUBLISHED, **in_copy)
    build(arguments.vars, *UNPUBLISHED, **in_copy)
    print(f"backtest: the figures are in marts.model_performance of {copy}")


def copy_warehouse(warehouse: Path, copy: Path) -> None:
    """Put a copy of the warehouse in place of an older one; of no warehouse, no copy.

    Raises
    ------
    duckdb.IOException
        If a build is writing to the warehouse.
    """
    # A build that was killed has left its last transactions in the log. The log goes first: when the warehouse has been
    # read and is closed, it is locked no more.
    files = [(path.with_name(f"{path.name}.wal"), path) for path in (warehouse, copy)]
    for file in files[1]:
        file.unlink(missing_ok=True)
    if warehouse.exists():
        with duckdb.connect(str(warehouse), read_only=True):  # nobody writes to it meanwhile
            for source, target in zip(*files, strict=True):
                if source.exists():
                    shutil.copyfile(source, target)


def build(variables: dict[str, object], *options: str, **environment: str) -> None:
    """Run ``dbt build``; a build that fails ends this process with its exit code."""
    command = [str(DBT), "build", "--vars", json.dumps(variables), *options]
    process = subprocess.run(command, env=os.environ | environment, check=False)
    if process.returncode:
        sys.exit(process.returncode)


if __name__ == "__main__":
    main()
