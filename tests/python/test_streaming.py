"""Rows that pass through a function, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute
from grocery_recommender.streaming import Passage, map_in_arrow, unchanged

SCHEMA = pa.schema([("number", pa.int64())])


def doubled(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield pa.RecordBatch.from_arrays([pyarrow.compute.multiply(batch.column("number"), 2)], schema=SCHEMA)


def test_the_passages_follow_each_other_in_the_types_of_the_schema() -> None:
    passages = [
        Passage("first", "select 1::integer as number", unchanged),
        Passage("second", "select 2::bigint as number union all select 3 order by 1", doubled),
    ]
    with duckdb.connect() as connection:
        rows = map_in_arrow(connection, passages, SCHEMA).read_all()
    assert rows.schema == SCHEMA
    assert rows["number"].to_pylist() == [1, 4, 6]


def test_a_query_is_read_in_batches_while_the_result_is_asked_for() -> None:
    seen = []

    def watched(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            seen.append(batch.num_rows)
            yield batch

    with duckdb.connect() as connection:
        reader = map_in_arrow(
            connection, [Passage("", "select range as number from range(10000)", watched)], SCHEMA, 2048
        )
        assert seen == []
        reader.read_next_batch()
        assert 0 < sum(seen) < 10_000
        assert reader.read_all().num_rows + seen[0] == 10_000


def test_no_passage_is_an_empty_table() -> None:
    with duckdb.connect() as connection:
        assert map_in_arrow(connection, [], SCHEMA).read_all().num_rows == 0
