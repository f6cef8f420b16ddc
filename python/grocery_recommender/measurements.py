"""Measurements of a build, made once: they are kept while nothing has changed that they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from grocery_recommender.prediction_weeks import PredictionWeek, is_full_refresh, stored_columns
from grocery_recommender.progress import report
from grocery_recommender.run_variables import EXPLAINER, release, run_variables


def measured_once(
    dbt: Any, session: Any, weeks: list[PredictionWeek], runs_sql: str, measure: Callable[[Any], pa.Table]
) -> pa.Table:
    """The rows of the model's own table if they are of these weeks, runs and code; otherwise measured anew.

    Parameters
    ----------
    dbt, session
        The two arguments of a dbt Python model.
    weeks
        The prediction weeks. The fingerprint of the last one stands for all purchases before it.
    runs_sql
        Query for ``classifier_runs``.
    measure
        Called with a connection; what it returns depends on the weeks and the runs in use, and on nothing else.

    Returns
    -------
    pyarrow.Table
        What ``measure`` returns, and ``build_fingerprint``: of all that the rows were made from.
    """
    connection = session.cursor()
    runs = connection.sql(f"select model_run_id from ({runs_sql}) where is_in_use order by model_run_id").fetchall()
    inputs = [(week.prediction_week, week.week_role, week.build_fingerprint) for week in weeks]
    code_version = run_variables(Path.cwd())["evaluation_code_version"]
    # Not part of the code version: of the weeks that are pooled, whose scores are gone, it decides nothing.
    content = json.dumps([inputs, runs, code_version, release(EXPLAINER)])
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    if not is_full_refresh() and "build_fingerprint" in stored_columns(connection, dbt.this):
        kept = connection.sql(f"select * from {dbt.this} where build_fingerprint = '{fingerprint}'").to_arrow_table()
        if kept.num_rows:
            report("kept: the measurements are of these weeks, runs and code")
            return kept
    measured = measure(connection)
    return measured.append_column("build_fingerprint", pa.repeat(fingerprint, measured.num_rows))
