"""Files that users write by hand."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from grocery_recommender.ingestion import IngestionError
from grocery_recommender.supplied_files import read_lines

COLUMNS = ("customer", "product")


def test_a_bad_line_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "baskets.csv"
    file.write_bytes(b'\xef\xbb\xbfCustomer, product\r\n1,a\r\n2,"b\r\n1,a\r\n3,c,d\r\n\r\n4,\r\n')
    rows = read_lines(str(file), COLUMNS).to_pylist()
    assert [(row["line_number"], row["customer"], row["product"], row["has_all_fields"]) for row in rows] == [
        (1, "1", "a", True),
        (2, None, None, False),
        (3, "1", "a", True),
        (4, None, None, False),
        (5, None, None, False),
        (6, "4", None, True),
    ]
    assert [row["line_number"] for row in rows if row["is_duplicate"]] == [3]
    assert {row["file_name"] for row in rows} == {"baskets.csv"}
    assert rows[1]["raw_line"] == '2,"b'


@pytest.mark.parametrize("content", [None, b"customer,product\n"])
def test_no_file_and_no_lines_give_no_rows(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "baskets.csv"
    file.write_bytes(content or b"")
    assert read_lines("" if content is None else str(file), COLUMNS).num_rows == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"product,customer\n", "must be: customer,product"), (b"customer,\xff\n", "not UTF-8")],
)
def test_an_unreadable_file_is_named_with_the_remedy(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "baskets.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(IngestionError, match=f"baskets.csv .*{message}") as error:
        read_lines(str(file), COLUMNS)
    # dbt prints all of this: where the program stood would bury the message.
    assert "Traceback" not in "".join(traceback.format_exception(error.value))


def test_blanks_around_a_value_are_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer,product\n1 , a\n")
    (row,) = read_lines(str(tmp_path / "a.csv"), COLUMNS).to_pylist()
    assert (row["customer"], row["product"]) == ("1", "a")
