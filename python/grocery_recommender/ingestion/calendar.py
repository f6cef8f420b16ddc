"""The retailer's fiscal calendar, ``time.csv``: which days belong to which week."""

from __future__ import annotations

import csv
import datetime
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from grocery_recommender.ingestion.errors import IngestionError
from grocery_recommender.ingestion.files import list_files

logger = logging.getLogger(__name__)

FILE_NAME = "time.csv"
COLUMNS = ("shop_week", "date_from", "date_to")
WEEKS_PER_YEAR = 52
ONE_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Week:
    """One fiscal week: its number ``yyyyww`` and its first and last day."""

    number: int
    starts_on: datetime.date
    ends_on: datetime.date

    def following(self) -> Week:
        """Return the week after this one; week 52 is followed by week 01 of the next year."""
        year, week_of_year = divmod(self.number, 100)
        number = self.number + 1 if week_of_year < WEEKS_PER_YEAR else (year + 1) * 100 + 1
        return Week(number, self.ends_on + ONE_DAY, self.ends_on + ONE_DAY + (self.ends_on - self.starts_on))

    def as_row(self) -> str:
        """Return the week as a line of ``time.csv``."""
        return f"{self.number},{self.starts_on:%Y%m%d},{self.ends_on:%Y%m%d}"


def existing_folder(lgsr_path: str | Path) -> Path:
    """Return the folder of the retailer's files.

    Raises
    ------
    IngestionError
        If the var is empty or names no folder.
    """
    hint = (
        "pass the folder that holds time.csv and transactions_YYYYWW.csv: "
        "dbt build --vars '{retailer: lgsr, lgsr_path: FOLDER}'"
    )
    if not str(lgsr_path or "").strip():
        raise IngestionError(f"The var lgsr_path is empty: {hint}")
    folder = Path(str(lgsr_path)).expanduser()
    try:
        is_folder = folder.is_dir()
    except OSError as error:
        raise IngestionError(f"The folder of lgsr_path ({folder}) cannot be read ({error.strerror}): {hint}") from None
    if not is_folder:
        raise IngestionError(f"The var lgsr_path names no folder ({folder}): {hint}")
    return folder


def read_calendar(lgsr_path: str | Path) -> list[Week]:
    """Read ``time.csv``, columns by name, rows in any order.

    Parameters
    ----------
    lgsr_path : str or Path
        Folder that holds the file.

    Returns
    -------
    list of Week
        In order, each beginning on the day after the one before ends.

    Raises
    ------
    IngestionError
        If the file is missing or cannot be read, a column is missing or stands there twice, a value cannot be read, a
        week stands there twice or is left out.
    """
    path = existing_folder(lgsr_path) / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise IngestionError(f"{path} is missing: it gives the first and last day of each fiscal week.") from None
    except UnicodeDecodeError:
        raise IngestionError(
            f"{path} is not UTF-8 text: write it as CSV with the columns {', '.join(COLUMNS)}."
        ) from None
    except OSError as error:
        raise IngestionError(f"{path} cannot be read ({error.strerror}): it must be a file that may be read.") from None
    rows = _read_rows(path, text)
    header = [name.strip().lower() for name in next(rows, (1, []))[1]]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise IngestionError(f"{path} has no column {', '.join(missing)}: its header must be {','.join(COLUMNS)}.")
    doubled = [column for column in COLUMNS if header.count(column) > 1]
    if doubled:
        raise IngestionError(f"{path} has the column {', '.join(doubled)} twice: keep one.")
    positions = [header.index(column) for column in COLUMNS]
    weeks = [
        _parse_row(path, line_number, [row[position] if position < len(row) else None for position in positions])
        for line_number, row in rows
    ]
    if not weeks:
        raise IngestionError(f"{path} has no weeks: add a row for each week, such as 200607,20060410,20060416.")
    weeks.sort(key=lambda week: week.starts_on)
    for week, next_week in pairwise(weeks):
        if next_week.starts_on != week.ends_on + ONE_DAY or next_week.number <= week.number:
            raise IngestionError(
                f"{path}: week {next_week.number} (from {next_week.starts_on}) does not follow week {week.number} (to "
                f"{week.ends_on}): weeks must be in order, without gap or overlap. After {week.number} should come the "
                f"row {week.following().as_row()}."
            )
    return weeks


def read_weeks(lgsr_path: str | Path) -> pa.Table:
    """Read ``time.csv`` as a table, and go on by the week to recommend for where it ends with the last file's.

    Returns
    -------
    pyarrow.Table
        One row per week in order: week, week_index (from 1, without gaps), starts_on, ends_on.

    Raises
    ------
    IngestionError
        As `read_calendar`, or if the folder cannot be listed.
    """
    weeks = read_calendar(lgsr_path)
    files, _ = list_files(existing_folder(lgsr_path))
    if any(file.week_number == weeks[-1].number for file in files):
        # Its dates follow, and so does its number, but for a year of 53 weeks.
        weeks.append(weeks[-1].following())
        logger.warning(
            "%s ends with the last week that has transactions: the week to recommend for is taken to be the row %s.",
            FILE_NAME,
            weeks[-1].as_row(),
        )
    return pa.table(
        {
            "week": pa.array([week.number for week in weeks], pa.int32()),
            "week_index": pa.array(range(1, len(weeks) + 1), pa.int32()),
            "starts_on": [week.starts_on for week in weeks],
            "ends_on": [week.ends_on for week in weeks],
        }
    )


def _read_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Split each line that is not empty, on its own: no quote can swallow the next one."""
    for line_number, line in enumerate(text.split("\n"), start=1):
        try:
            yield from ((line_number, row) for row in csv.reader([line], strict=True) if row)
        except csv.Error as error:
            raise IngestionError(
                f"{path}, line {line_number}: not sound CSV ({error}). Write it as yyyyww,yyyymmdd,yyyymmdd."
            ) from None


def _parse_row(path: Path, line_number: int, values: list[str | None]) -> Week:
    """Turn the three values of a line into a week."""
    try:
        number, starts_on, ends_on = (value.strip() for value in values)
        week = Week(_parse_digits(number, 6), _parse_date(starts_on), _parse_date(ends_on))
    except (AttributeError, ValueError):
        raise IngestionError(
            f"{path}, line {line_number}: {values} is not a week. Write it as yyyyww,yyyymmdd,yyyymmdd."
        ) from None
    if week.ends_on < week.starts_on:
        raise IngestionError(f"{path}, line {line_number}: week {week.number} ends before it begins.")
    return week


def _parse_digits(text: str, length: int) -> int:
    """Read plain digits; ``int`` alone would also take ``200_607`` and the digits of other scripts."""
    if len(text) != length or not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)


def _parse_date(text: str) -> datetime.date:
    year, month_and_day = divmod(_parse_digits(text, 8), 10_000)
    if year == datetime.MAXYEAR:  # written for "never ends": no week could follow
        raise ValueError(text)
    return datetime.date(year, *divmod(month_and_day, 100))
