"""What the benchmarks measure, and that they say what they leave out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from grocery_recommender.benchmarks import features, ingestion, processes, stages
from lgsr_folder import Folder

MEGABYTE = 2**20


def holding(megabytes: int) -> bytearray:
    """Memory that is written to, and so resident."""
    return bytearray(b"x") * (megabytes * MEGABYTE)


def test_peak_memory_is_the_command_s_alone() -> None:
    held = holding(400)
    assert processes.measured(["sleep", "0.3"]).peak_megabytes < 100 < len(held) / MEGABYTE


def test_workers_count() -> None:
    worker = f"import time; held = bytearray(b'x') * {300 * MEGABYTE}; time.sleep(0.5)"
    family = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}], check=True)"
    cost = processes.measured([sys.executable, "-c", family])
    assert 300 < cost.peak_megabytes < 400
    assert 0 < cost.cpu_seconds < cost.seconds


def test_a_peak_is_of_the_time_since_it_was_last_taken() -> None:
    lines: list[str] = []
    peaks: list[float] = []

    def on_line(line: str, family: processes.Family) -> None:
        lines.append(line)
        peaks.append(family.take_peak())

    script = f"""
import time
held = bytearray(b"x") * {200 * MEGABYTE}
time.sleep(0.3)
del held
print("freed", flush=True)
time.sleep(0.3)
print("over", flush=True)
"""
    cost = processes.measured([sys.executable, "-c", script], on_line=on_line)
    assert lines == ["freed\n", "over\n"]
    assert peaks[0] > 200 > peaks[1] > 0
    assert cost.peak_megabytes == round(peaks[0])


def test_a_command_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError, match="exit status 3"):
        processes.measured(["sh", "-c", "exit 3"])


def test_the_floor_of_a_stage_that_makes_tables_joins_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create schema grid; create table grid.prediction_weeks as select week as prediction_week,"
            " week as prediction_week_index, 1 as window_first_week_index, week - 1 as window_last_week_index,"
            " date '2017-12-26' as starts_on, if(week = 53, 'score', 'train') as week_role from range(52, 54) t(week)"
        )
    monkeypatch.setattr(features, "script", lambda *_: {"pairs": "select 1 as pair"})
    monkeypatch.setattr(features, "wide", lambda *_: "from pairs")
    assert features.PARTS["script"](warehouse, tmp_path / "script.duckdb").keys() == {"pairs", "wide"}
    assert features.PARTS["scripts"](warehouse, tmp_path / "scripts.duckdb").keys() == {"pairs"}


@pytest.mark.parametrize("is_built", [True, False])
def test_features_without_a_warehouse_are_said_not_to_be_measured(tmp_path: Path, is_built: bool) -> None:
    (tmp_path / "bin").mkdir()
    python, warehouse = tmp_path / "bin" / "python", tmp_path / "warehouse.duckdb"
    python.write_text('#!/bin/sh\necho measures "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".installed").touch()
    if is_built:
        warehouse.touch()
    command = ["make", "--silent", "bench", f"VENV={tmp_path}", f"WAREHOUSE={warehouse}"]
    result = subprocess.run(command, cwd=processes.PROJECT, capture_output=True, text=True, check=True)
    first, *others = result.stdout.splitlines()
    measuring = f"measures -m grocery_recommender.benchmarks.features {warehouse}"
    skipping = f"features are not measured: there is no {warehouse}, make build first"
    assert first == (measuring if is_built else skipping)
    assert len(others) == 3


def test_tests_are_not_in_the_time_of_a_load(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "shop")
    folder.write_weeks()
    load = ingestion._build(folder.path, tmp_path / "warehouse.duckdb", tmp_path)
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    kinds = {result["unique_id"].split(".")[0] for result in results}
    assert "model" in kinds
    assert not kinds & {"test", "unit_test"}
    assert 0 < load.reading_seconds <= load.seconds < load.command_seconds


def test_rows_count_in_the_stage_of_their_model_and_once(tmp_path: Path) -> None:
    tables = {
        "ml.als_factors": (3, "ml/retrieval/als_factors.py"),
        "ml.candidate_scores": (5, "ml/ranking/candidate_scores.py"),
        "ml.ranking_metrics": (7, "ml/evaluation/ranking_metrics.sql"),
        "marts.recommendations": (11, "marts/recommendations.sql"),
        "marts.published_marts": (13, "publishing/published_marts.py"),
        "staging.stg_lgsr__product_prices": (17, "staging/lgsr/stg_lgsr__product_prices.sql"),
        "landing.lgsr_files": (19, None),
        "seeds.excluded_departments": (23, None),
    }
    nodes = {}
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        for table, (rows, path) in tables.items():
            schema, name = table.split(".")
            connection.execute(f"create schema if not exists {schema}; create table {table} as from range({rows})")
            if path:
                nodes[table] = {"resource_type": "model", "schema": schema, "alias": name, "path": path}
    (tmp_path / "manifest.json").write_text(json.dumps({"nodes": nodes}))
    assert stages.rows_of_stages(tmp_path / "warehouse.duckdb", tmp_path / "manifest.json") == {
        **{"staging": 17 + 19, "ml/retrieval": 3, "ml/ranking": 5, "ml/evaluation": 7, "marts": 11},
        **{"publishing": 13, "tests and hooks": 23},
    }
