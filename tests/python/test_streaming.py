"""Rows that pass through a function, batch by batch."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute
import pytest
from grocery_recommender.streaming import Passage, in_threads, map_in_arrow

SCHEMA = pa.schema([("number", pa.int64())])


def doubled(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield pa.RecordBatch.from_arrays([pyarrow.compute.multiply(batch.column("number"), 2)], schema=SCHEMA)


def unchanged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


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


def numbers(*values: int) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pydict({"number": [value]}, schema=SCHEMA) for value in values]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_keep_the_order_and_hold_few_batches(threads: int) -> None:
    taken, returned = [], []

    def slow_at_first(batch: pa.RecordBatch) -> pa.RecordBatch:
        time.sleep(0.05 if batch["number"][0].as_py() == 0 else 0)
        return batch

    def watched() -> Iterator[pa.RecordBatch]:
        for batch in numbers(*range(6)):
            taken.append(batch)
            assert len(taken) - len(returned) <= threads
            yield batch

    for batch in in_threads(slow_at_first, watched(), threads):
        returned.append(batch["number"][0].as_py())
    assert returned == list(range(6))


def test_batches_are_in_work_together() -> None:
    together = threading.Barrier(2, timeout=10)
    result = in_threads(lambda batch: together.wait() >= 0 and batch, iter(numbers(1, 2)))
    assert [batch["number"][0].as_py() for batch in result] == [1, 2]


def test_an_error_in_a_thread_is_raised() -> None:
    def fails(batch: pa.RecordBatch) -> pa.RecordBatch:
        raise ValueError("no such feature")

    with pytest.raises(ValueError, match="no such feature"):
        list(in_threads(fails, iter(numbers(1, 2, 3))))
