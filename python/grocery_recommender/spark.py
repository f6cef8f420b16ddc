"""Python models on Spark: the part of DuckDB's connections and relations that they use, on a Spark session.

What a model reads is a query on either engine, and comes as Arrow; what it returns is saved as Parquet. Scores and
explanations are computed on the executors; a step that computes one prediction week at a time, and the fit of the
boosters, run on the driver with that week's rows or the sampled examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from grocery_recommender.streaming import Passage

# Rows that are handed to Spark at a time, so that the driver holds no whole table.
ROWS_PER_WRITE = 1_000_000


@dataclass(frozen=True)
class Relation:
    """A query with its parameters, not run yet."""

    spark: SparkSession
    query: str
    parameters: Sequence[Any] = ()

    def sql_query(self) -> str:
        """The query, to be embedded in another."""
        return self.query

    def project(self, columns: str) -> Relation:
        """The same rows with these columns or expressions, as SQL lists them."""
        return replace(self, query=f"select {columns} from ({self.query})")

    def order(self, columns: str) -> Relation:
        """The same rows in order."""
        return replace(self, query=f"select * from ({self.query}) order by {columns}")

    def frame(self) -> DataFrame:
        """The rows where they are, on the executors."""
        return self.spark.sql(self.query, args=list(self.parameters))

    def to_arrow_table(self) -> pa.Table:
        """The rows on the driver."""
        return self.frame().toArrow()

    def fetchall(self) -> list[tuple]:
        """The rows on the driver, as tuples."""
        return [tuple(row) for row in self.frame().collect()]


@dataclass(frozen=True)
class Session:
    """Stands in for the DuckDB connection that a Python model is given as ``session``."""

    spark: SparkSession

    def cursor(self) -> Session:
        """Queries do not disturb each other here: the session itself."""
        return self

    def sql(self, query: str, params: Sequence[Any] = ()) -> Relation:
        """A query with a ``?`` for each parameter."""
        return Relation(self.spark, query, params)

    def table(self, name: str) -> Relation:
        """What ``dbt.ref`` gives to a model."""
        return self.sql(f"select * from {name}")

    def map_in_arrow(self, passages: Sequence[Passage], schema: pa.Schema) -> DataFrame:
        """The rows of all passages, changed on the executors."""
        result = self.spark.createDataFrame(schema.empty_table())
        for passage in passages:
            result = result.unionAll(self.sql(passage.query).frame().mapInArrow(passage.function, result.schema))
        return result

    def save(self, rows: DataFrame | Relation | pa.Table | pa.RecordBatchReader, name: str) -> None:
        """Write what a model returned as the table ``name``, in place of any that is there."""
        if isinstance(rows, Relation):
            rows = rows.frame()
        if isinstance(rows, DataFrame):
            rows.write.format("parquet").mode("overwrite").saveAsTable(name)
            return
        reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
        self.save(self.spark.createDataFrame(reader.schema.empty_table()), name)
        for table in _large_tables(reader):
            self.spark.createDataFrame(table).write.format("parquet").mode("append").saveAsTable(name)


def _large_tables(reader: pa.RecordBatchReader) -> Any:
    waiting: list[pa.RecordBatch] = []
    for batch in reader:
        waiting.append(batch)
        if sum(held.num_rows for held in waiting) >= ROWS_PER_WRITE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
