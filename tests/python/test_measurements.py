"""What a build measures is kept while nothing has changed that it depends on."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pytest
from conftest import Relation
from grocery_recommender import measurements
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.run_variables import run_variables

WEEKS = [PredictionWeek(n, n, role, 1, n - 1, n, f"w{n}", f"b{n}") for n, role in ((8, "test"), (9, "score"))]
RUNS = "select unnest(['8-binary', '9-binary']) as model_run_id, true as is_in_use"


class Measurement:
    """A model that counts how often it measures."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        self.times = 0

    def build(self, weeks: list[PredictionWeek] = WEEKS, runs: str = RUNS, rows: int = 2) -> pa.Table:
        def measure(connection: duckdb.DuckDBPyConnection) -> pa.Table:
            self.times += 1
            return connection.sql(f"select {self.times} as metric_value from range({rows})").to_arrow_table()

        dbt = SimpleNamespace(this=Relation("performance"))
        built = measurements.measured_once(dbt, self.connection, weeks, runs, measure)
        self.connection.register("built", built)
        self.connection.execute("create or replace table performance as from built")
        return built


@pytest.fixture
def measurement(monkeypatch: pytest.MonkeyPatch) -> Measurement:
    monkeypatch.setattr(measurements, "is_full_refresh", lambda: False)
    return Measurement()


def test_the_same_inputs_are_measured_once(measurement: Measurement) -> None:
    first = measurement.build()
    assert measurement.build().equals(first)
    assert measurement.times == 1
    assert first.column_names == ["metric_value", "build_fingerprint"]


@pytest.mark.parametrize(
    "changed",
    [
        {"weeks": [WEEKS[0], replace(WEEKS[1], build_fingerprint="more purchases")]},
        {"weeks": [replace(WEEKS[0], week_role="validation"), WEEKS[1]]},
        {"runs": RUNS.replace("9-binary", "9-other")},
    ],
    ids=["purchases", "roles", "boosters"],
)
def test_other_inputs_are_measured_anew(measurement: Measurement, changed: dict) -> None:
    measurement.build()
    assert measurement.build(**changed)["metric_value"].to_pylist() == [2, 2]


def test_other_code_measures_anew(measurement: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement.build()
    monkeypatch.setattr(
        measurements, "run_variables", lambda folder: run_variables(folder) | {"evaluation_code_version": ""}
    )
    measurement.build()
    assert measurement.times == 2


def test_a_full_refresh_measures_anew(measurement: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    measurement.build()
    monkeypatch.setattr(measurements, "is_full_refresh", lambda: True)
    measurement.build()
    assert measurement.times == 2


def test_a_table_without_fingerprints_is_measured_anew(measurement: Measurement) -> None:
    measurement.connection.execute("create table performance as select 0 as metric_value")
    assert measurement.build()["metric_value"].to_pylist() == [1, 1]


def test_no_rows_are_measured_again(measurement: Measurement) -> None:
    assert measurement.build(rows=0).num_rows == 0
    assert measurement.build()["metric_value"].to_pylist() == [2, 2]


def test_another_release_of_the_explainer_is_measured(
    measurement: Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    measurement.build()
    monkeypatch.setattr(measurements, "release", lambda library: "another")
    measurement.build()
    assert measurement.times == 2


def test_other_runs_in_use_are_measured_anew(measurement: Measurement) -> None:
    both = "select unnest(['8-binary', '9-binary']) as model_run_id, unnest([{}]) as is_in_use"
    measurement.build(runs=both.format("true, false"))
    assert measurement.build(runs=both.format("false, true"))["metric_value"].to_pylist() == [2, 2]
