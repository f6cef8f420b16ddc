"""Rows that pass through a function batch by batch, on the engine that holds them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from grocery_recommender.progress import report


@dataclass(frozen=True)
class Passage:
    """A query whose rows a function changes.

    Parameters
    ----------
    label
        What is computed, for the progress lines.
    query
        SQL of the rows.
    function
        From batches of the query's rows to batches of the result; on a cluster a copy of it runs on each executor.
    """

    label: str
    query: str
    function: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def unchanged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The function of a passage whose rows are kept as the last build left them."""
    yield from batches


def map_in_arrow(connection: Any, passages: Sequence[Passage], schema: pa.Schema, batch_rows: int = 50_000) -> Any:
    """The rows of all passages, one after the other.

    Parameters
    ----------
    connection
        A cursor of a dbt Python model's session; no other result of it may be open.
    passages
        What to read, and what to make of it.
    schema
        Arrow schema of what the functions return.
    batch_rows
        Rows that DuckDB hands over at a time; a cluster has a setting of its own.

    Returns
    -------
    pyarrow.RecordBatchReader or pyspark.sql.DataFrame
        For dbt to write; nothing has run yet.
    """
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        return connection.map_in_arrow(passages, schema)

    def batches() -> Iterator[pa.RecordBatch]:
        for passage in passages:
            started, rows = time.monotonic(), 0
            for batch in passage.function(connection.sql(passage.query).to_arrow_reader(batch_rows)):
                rows += batch.num_rows
                yield batch.cast(schema)
            report(f"{passage.label}: {rows:,} rows, {time.monotonic() - started:.1f} s")

    return pa.RecordBatchReader.from_batches(schema, batches())
