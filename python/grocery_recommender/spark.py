"""Python models on Spark: the part of DuckDB's connections and relations that they use, on a Spark session.

What a model reads is a query on either engine, and comes as Arrow; what it returns is saved as Parquet. Scores and
explanations are computed on the executors; a step that computes one prediction week at a time, and the fit of the
boosters, run on the driver with that week's rows or the sampled examples. Where a model needs DuckDB itself, to load
weekly files or to publish, it is given one on the driver that shares its folders with Spark.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import duckdb
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from grocery_recommender.prediction_weeks import is_full_refresh
from grocery_recommender.quoting import literal
from grocery_recommender.streaming import Passage

# Rows that are handed to Spark at a time, so that the driver holds no whole table.
ROWS_PER_WRITE = 1_000_000
# How tables end that are being written, and those that they replace: dbt's own names.
UNFINISHED, BACKUP = "__dbt_tmp", "__dbt_backup"


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

    def land(self, load: Callable[[duckdb.DuckDBPyConnection], duckdb.DuckDBPyRelation]) -> pa.Table:
        """Let a DuckDB load weekly files, and take over the weeks that it has landed anew as Parquet.

        Parameters
        ----------
        load
            Loads what is new into the schema ``landing`` of a connection in a transaction; returns one row per file,
            with its ``week`` and a ``load_id`` that changes with what was loaded.
        """
        folder = Path(unquote(urlparse(self.spark.conf.get("spark.sql.warehouse.dir")).path)).resolve() / "landing.db"
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(folder / "loaded.duckdb"), config=_memory_limit()) as connection:
            connection.execute(self.spark.conf.get("spark.grocery.line_rules"))
            connection.begin()
            if is_full_refresh():
                connection.execute("drop schema if exists landing cascade")
            files = load(connection).to_arrow_table()
            connection.execute("create table if not exists landing.taken_over (load_id varchar)")
            connection.register("files", files)
            new = "select week from files where load_id not in (select load_id from landing.taken_over)"
            weeks = [week for (week,) in connection.sql(new).fetchall()]
            for table in ("lines", "rejected_lines", "codes"):
                self._take_over(connection, f"landing.lgsr_{table}", folder / f"lgsr_{table}", weeks)
            connection.execute("create or replace table landing.taken_over as select load_id from files")
            connection.commit()
        return files

    def _take_over(self, connection: duckdb.DuckDBPyConnection, table: str, folder: Path, weeks: Iterable[int]) -> None:
        """Write some weeks of a table of DuckDB as the partitions of a table of Spark with the same name."""
        for week in weeks:
            partition = folder / f"week={week}"
            partition.mkdir(parents=True, exist_ok=True)
            unfinished = partition / ".unfinished"
            rows = f"select * exclude (week) from {table} where week = {week}"
            connection.execute(f"copy ({rows}) to {literal(unfinished)} (format parquet)")
            unfinished.replace(partition / "week.parquet")
        columns = connection.execute(f"select column_name, column_type from (describe {table})").fetchall()
        listed = ", ".join(f"{name} {kind.replace('VARCHAR', 'string')}" for name, kind in columns)
        self.spark.sql(f"create schema if not exists {table.partition('.')[0]}")
        place = f"using parquet partitioned by (week) location {literal(folder)}"
        self.spark.sql(f"create table if not exists {table} ({listed}) {place}")
        self.spark.sql(f"alter table {table} recover partitions")
        self.spark.sql(f"refresh table {table}")

    def in_duckdb(self, tables: Iterable[str]) -> duckdb.DuckDBPyConnection:
        """A DuckDB in memory that reads tables of Spark where they lie, under the same names, types and comments.

        Raises
        ------
        ValueError
            If a table lies where this machine has no path to.
        """
        connection = duckdb.connect(config=_memory_limit())
        for table in tables:
            frame = self.spark.table(table)
            types = {field.name: field.dataType.simpleString() for field in frame.schema}
            files = [urlparse(file) for file in frame.inputFiles()]
            if any(file.scheme not in ("", "file") for file in files):
                raise ValueError(
                    f"{table} lies in {files[0].geturl()}: publishing needs the tables in a folder of this machine"
                )
            paths = ", ".join(literal(unquote(file.path)) for file in files)
            source = f"read_parquet([{paths}], hive_partitioning = true, union_by_name = true)"
            if not files:
                source = f"(select {', '.join(f'null as {name}' for name in types)} where false)"
            columns = ", ".join(f"cast({name} as {sql_type}) as {name}" for name, sql_type in types.items())
            connection.execute(f"create schema if not exists {table.partition('.')[0]}")
            connection.execute(f"create view {table} as select {columns} from {source}")
            comments = {f"column {table}.{field.name}": field.metadata.get("comment") for field in frame.schema}
            comments[f"view {table}"] = self.spark.catalog.getTable(table).description
            for described, comment in comments.items():
                if comment:
                    connection.execute(f"comment on {described} is {literal(comment)}")
        return connection

    def columns(self, name: str) -> set[str]:
        """Columns of a table; none where there is no such table."""
        return set(self.spark.table(name).columns) if self.spark.catalog.tableExists(name) else set()

    def save(self, rows: DataFrame | Relation | pa.Table | pa.RecordBatchReader, name: str) -> None:
        """Write what a model returned as the table ``name``, in place of any that is there.

        The rows may come from the table itself: it is replaced when all of them have been written.
        """
        unfinished, backup = f"{name}{UNFINISHED}", f"{name}{BACKUP}"
        self.spark.sql(f"drop table if exists {unfinished}")
        for frame in self._frames(rows):
            frame.write.format("parquet").mode("append").saveAsTable(unfinished)
        if self.spark.catalog.tableExists(name):
            self.spark.sql(f"alter table {name} rename to {backup}")
        self.spark.sql(f"alter table {unfinished} rename to {name}")
        self.spark.sql(f"drop table if exists {backup}")

    def sweep(self, names: Sequence[str]) -> None:
        """Undo what a killed build left of some tables: what was not finished goes, what was to be replaced comes back.

        Spark writes files before it lists their table, and refuses a folder that is there: it goes, too.

        Parameters
        ----------
        names
            Tables of this project, ``schema.table``; nothing else is touched.
        """
        catalog = self.spark.catalog
        schemas = {schema for schema in {name.partition(".")[0] for name in names} if catalog.databaseExists(schema)}
        listed = {f"{schema}.{table.name}" for schema in schemas for table in catalog.listTables(schema)}
        places = {schema: urlparse(catalog.getDatabase(schema).locationUri) for schema in schemas}
        folders = {schema: Path(unquote(at.path)) for schema, at in places.items() if at.scheme in ("", "file")}
        for name in names:
            schema = name.partition(".")[0]
            unfinished, backup = f"{name}{UNFINISHED}", f"{name}{BACKUP}"
            if backup in listed and name not in listed:
                self.spark.sql(f"alter table {backup} rename to {name}")
                listed = (listed | {name}) - {backup}
            for leftover in {unfinished, backup} & listed:
                self.spark.sql(f"drop table {leftover}")
            listed -= {unfinished, backup}
            for orphan in {name, unfinished} - listed:
                if schema in folders and (folders[schema] / orphan.partition(".")[2]).is_dir():
                    shutil.rmtree(folders[schema] / orphan.partition(".")[2])

    def _frames(self, rows: DataFrame | Relation | pa.Table | pa.RecordBatchReader) -> Iterator[DataFrame]:
        """The rows in one frame or more; of Arrow rows, the first frame is empty, so that there is a table of none."""
        if isinstance(rows, DataFrame):
            yield rows
        elif isinstance(rows, Relation):
            yield rows.frame()
        else:
            reader = rows.to_reader() if isinstance(rows, pa.Table) else rows
            yield self.spark.createDataFrame(reader.schema.empty_table())
            for table in _large_tables(reader):
                yield self.spark.createDataFrame(table)


def _memory_limit() -> dict[str, str]:
    """Of a DuckDB beside Spark, as profiles.yml has it."""
    return {"memory_limit": os.environ.get("GROCERY_MEMORY_LIMIT", "2GB")}


def _large_tables(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in reader:
        waiting.append(batch)
        if sum(held.num_rows for held in waiting) >= ROWS_PER_WRITE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
