"""Small CSV files that a user hands over beside the retailer's data: offers, open baskets.

Each line is read by itself, so that an unclosed quote spoils one line and not the rest of the file. What a line says
is judged in SQL; here a line is only taken apart.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from grocery_recommender.ingestion.errors import IngestionError


def read_lines(path: str, columns: tuple[str, ...]) -> pa.Table:
    """Every line of a CSV file with a header, its fields as text.

    Parameters
    ----------
    path
        The file; ``""`` stands for no file and gives no lines.
    columns
        The names that the header must have, in this order.

    Returns
    -------
    pyarrow.Table
        ``file_name``, ``line_number`` (from 1 for the first line of data), ``raw_line``, ``is_duplicate`` (repeats an
        earlier line to the letter), ``has_all_fields``, and the columns, which are null where the line has too few or
        too many fields.

    Raises
    ------
    IngestionError
        If the file cannot be read, is no UTF-8, or has another header.
    """
    schema = pa.schema(
        [
            ("file_name", pa.string()),
            ("line_number", pa.int64()),
            ("raw_line", pa.string()),
            ("is_duplicate", pa.bool_()),
            ("has_all_fields", pa.bool_()),
            *((column, pa.string()) for column in columns),
        ]
    )
    if not path:
        return schema.empty_table()
    expected = ",".join(columns)
    try:
        header, *lines = Path(str(path)).expanduser().read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except OSError as error:
        raise IngestionError(f"{path} cannot be read ({error.strerror}); correct the var, or leave it empty") from None
    except UnicodeDecodeError as error:
        raise IngestionError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8 CSV") from None
    if [field.strip().lower() for field in _fields(header)] != list(columns):
        raise IngestionError(f"{path} begins with {header[:100]!r}; its first line must be: {expected}")
    rows, seen = [], set()
    for number, line in enumerate(lines, start=1):
        fields = [field.strip() or None for field in _fields(line)]
        is_whole = len(fields) == len(columns)
        values = fields if is_whole else [None] * len(columns)
        row = (Path(path).name, number, line, line in seen, is_whole, *values)
        rows.append(dict(zip(schema.names, row, strict=True)))
        seen.add(line)
    return pa.Table.from_pylist(rows, schema=schema)


def _fields(line: str) -> list[str]:
    """The fields of one line; none where its quotes are in disorder."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []
