"""Work that is done one prediction week at a time, and not again while nothing changed.

The Python side of the materialization `per_prediction_week`: a stored week is kept while its
``build_fingerprint`` is made of the one that ``prediction_weeks`` gives and of the code and vars that run.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from dbt.flags import get_flags

from grocery_recommender.progress import report
from grocery_recommender.run_variables import run_variables


@dataclass(frozen=True)
class PredictionWeek:
    """One row of ``grid.prediction_weeks``: week ids as the retailer writes them, indexes without gaps.

    ``fitted_for_week`` is the target week of the runs that score the week, None where it only teaches;
    ``training_weeks`` is how many weeks the runs learn from that are fitted for this week, None where none are.
    ``has_known_offers`` is whether any offer of the week is known in advance.
    The fingerprints are those of the table and of this run's code and vars: others, where a model is built alone.
    """

    prediction_week: int
    prediction_week_index: int
    week_role: str
    window_first_week_index: int
    window_last_week_index: int
    fitted_for_week: int | None
    example_fingerprint: str
    build_fingerprint: str
    training_weeks: int | None = None
    has_known_offers: bool = True


def read(relation: Any) -> list[PredictionWeek]:
    """The rows of ``prediction_weeks``, in order of time."""
    columns = list(PredictionWeek.__dataclass_fields__)
    rows = relation.project(", ".join(columns)).order("prediction_week_index").fetchall()
    code = run_variables(Path.cwd())["feature_code_version"]

    def made_by_this_run(fingerprint: str) -> str:
        return hashlib.md5(f"{fingerprint}{code}".encode(), usedforsecurity=False).hexdigest()

    return [
        replace(
            week,
            example_fingerprint=made_by_this_run(week.example_fingerprint),
            build_fingerprint=made_by_this_run(week.build_fingerprint),
        )
        for week in (PredictionWeek(*row) for row in rows)
    ]


def stream(
    name: str,
    weeks: list[PredictionWeek],
    dbt: Any,
    session: Any,
    schema: pa.Schema,
    compute: Callable[[Any, PredictionWeek], pa.Table],
) -> pa.RecordBatchReader:
    """All rows of a Python model that has rows per prediction week: the kept ones, then the computed ones.

    Parameters
    ----------
    name
        What is computed, for the progress lines.
    weeks
        The weeks that the table is to hold.
    dbt, session
        The two arguments of a dbt Python model.
    schema
        Arrow schema of the rows, without the two columns that this function puts in front:
        ``prediction_week`` and ``build_fingerprint``.
    compute
        Called with a connection and a week; returns that week's rows in ``schema``.

    Returns
    -------
    pyarrow.RecordBatchReader
        Streams week by week; only one week is in memory.
    """
    full_schema = pa.schema(
        [pa.field("prediction_week", pa.int32()), pa.field("build_fingerprint", pa.string()), *schema]
    )
    connection = session.cursor()
    kept = stored_weeks(connection, dbt.this, full_schema)

    def batches() -> Iterator[pa.RecordBatch]:
        for week in weeks:
            started = time.monotonic()
            if (week.prediction_week, week.build_fingerprint) in kept:
                rows = connection.sql(
                    f"select {', '.join(full_schema.names)} from {dbt.this} where prediction_week = ?",
                    params=[week.prediction_week],
                ).to_arrow_table()
            else:
                rows = compute(connection, week)
                keys = [
                    pa.repeat(pa.scalar(week.prediction_week, pa.int32()), rows.num_rows),
                    pa.repeat(week.build_fingerprint, rows.num_rows),
                ]
                rows = pa.table([*keys, *(rows[column] for column in schema.names)], names=full_schema.names)
                report(
                    f"{name}, week {week.prediction_week}: {rows.num_rows:,} rows, {time.monotonic() - started:.1f} s"
                )
            yield from rows.cast(full_schema).to_batches()

    return pa.RecordBatchReader.from_batches(full_schema, batches())


def is_full_refresh() -> bool:
    """Whether dbt was told to build from nothing."""
    return bool(get_flags().FULL_REFRESH)


def stored_columns(connection: Any, table: Any) -> set[str]:
    """Columns of the model's own table as the last run left it; empty where there is none."""
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        return connection.columns(str(table))
    rows = connection.execute(
        "select column_name from information_schema.columns"
        " where table_catalog = ? and table_schema = ? and table_name = ?",
        [table.database, table.schema, table.identifier],
    ).fetchall()
    return {name for (name,) in rows}


def stored_weeks(connection: Any, table: Any, schema: pa.Schema) -> set[tuple[int, str]]:
    """Weeks of the model's own table that may be kept, each with the fingerprint of what it was made from.

    Empty where the table has other columns than the schema, or dbt was told to build from nothing.
    """
    if is_full_refresh() or stored_columns(connection, table) != set(schema.names):
        return set()
    return set(connection.sql(f"select distinct prediction_week, build_fingerprint from {table}").fetchall())
