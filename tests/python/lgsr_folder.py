"""A small folder of LGSR files to load and to damage, for the tests of ingestion."""

from __future__ import annotations

import datetime
import gzip
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb
import jinja2
from grocery_recommender import ingestion

HEADER = [
    "SHOP_WEEK",
    "SHOP_DATE",
    "SHOP_WEEKDAY",
    "SHOP_HOUR",
    "QUANTITY",
    "SPEND",
    "PROD_CODE",
    "PROD_CODE_10",
    "PROD_CODE_20",
    "PROD_CODE_30",
    "PROD_CODE_40",
    "CUST_CODE",
    "CUST_PRICE_SENSITIVITY",
    "CUST_LIFESTAGE",
    "BASKET_ID",
    "BASKET_SIZE",
    "BASKET_PRICE_SENSITIVITY",
    "BASKET_TYPE",
    "BASKET_DOMINANT_MISSION",
    "STORE_CODE",
    "STORE_FORMAT",
    "STORE_REGION",
]
WEEKS = (200651, 200652, 200701, 200702)
FIRST_MONDAY = datetime.date(2007, 2, 12)  # of week 200651
PROJECT = Path(__file__).parents[2]


def monday(week: int) -> datetime.date:
    """First day of a week that the calendar of `Folder` has."""
    years, weeks = divmod(week, 100)
    return FIRST_MONDAY + datetime.timedelta(weeks=(years - 2006) * 52 + weeks - 51)


def make_line(week: int, number: int, **changes: object) -> dict[str, object]:
    """Return a good line: the `number`-th of its week. `changes` replace values by column name."""
    day = monday(week) + datetime.timedelta(days=number % 7)
    values = {
        "SHOP_WEEK": week,
        "SHOP_DATE": f"{day:%Y%m%d}",
        "SHOP_WEEKDAY": day.isoweekday() % 7 + 1,
        "SHOP_HOUR": 8 + number % 14,
        "QUANTITY": 1 + number % 3,
        "SPEND": f"{(1 + number % 3) * 1.5:.2f}",
        "PROD_CODE": f"PRD090000{number % 5}",
        "PROD_CODE_10": f"CL0000{number % 5}",
        "PROD_CODE_20": "DEP00001",
        "PROD_CODE_30": "G00001",
        "PROD_CODE_40": "D00001",
        "CUST_CODE": "" if number % 5 == 4 else f"CUST000000000{number % 5}",
        "CUST_PRICE_SENSITIVITY": "" if number % 5 == 4 else "MM",
        "CUST_LIFESTAGE": "" if number % 5 == 4 else "YF",
        "BASKET_ID": 994100000000000 + week * 1000 + number,
        "BASKET_SIZE": "L",
        "BASKET_PRICE_SENSITIVITY": "MM",
        "BASKET_TYPE": "Full Shop",
        "BASKET_DOMINANT_MISSION": "Mixed",
        "STORE_CODE": f"STORE0000{number % 2}",
        "STORE_FORMAT": "LS",
        "STORE_REGION": "E01",
    }
    return values | changes


def make_lines(week: int, count: int = 20) -> list[dict[str, object]]:
    """Return the good lines of a week."""
    return [make_line(week, number) for number in range(count)]


class Folder:
    """A folder of files, with a calendar of the weeks 200651 to 200703.

    Parameters
    ----------
    path : Path
        Made anew.
    """

    def __init__(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        self.path = path
        self.write_calendar([*WEEKS, 200703])

    def write_calendar(self, weeks: Iterable[int]) -> None:
        """Write ``time.csv``."""
        rows = [f"{week},{monday(week):%Y%m%d},{monday(week) + datetime.timedelta(days=6):%Y%m%d}" for week in weeks]
        (self.path / "time.csv").write_text("\n".join(["shop_week,date_from,date_to", *rows, ""]))

    def write_week(
        self,
        week: int,
        lines: list[dict[str, object]] | None = None,
        header: list[str] = HEADER,
        renamed: dict[str, str] | None = None,
        packed: bool = False,
    ) -> Path:
        """Write the file of a week: its columns in the order of `header`, some under another name."""
        names = [(renamed or {}).get(column, column) for column in header]
        rows = [[str(line[column]) for column in header] for line in lines or make_lines(week)]
        content = "\n".join(",".join(row) for row in [names, *rows]) + "\n"
        return self.write_bytes(f"transactions_{week}.csv" + (".gz" if packed else ""), content.encode())

    def write_weeks(self, weeks: Iterable[int] = WEEKS) -> None:
        """Write good files."""
        for week in weeks:
            self.write_week(week)

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write a file as it is given, packed if its name ends in ``.gz``."""
        path = self.path / name
        path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return path


def rejection_rules() -> str:
    """Return the body of the project's macro line_rejection_reason."""
    text = (PROJECT / "macros" / "staging.sql").read_text()
    macro = re.search(r"{% macro line_rejection_reason.*?endmacro %}", text, re.DOTALL)[0]
    return str(jinja2.Environment().from_string(macro).module.line_rejection_reason())


def connect(database: str | Path = ":memory:") -> duckdb.DuckDBPyConnection:
    """Open a warehouse that has what a load needs."""
    connection = duckdb.connect(str(database))
    connection.execute(
        "create temp macro line_rejection_reason(product_id, basket_id, quantity, spend, purchased_on, starts_on, "
        f"ends_on, excluded_department_id, excluded_category_id) as {rejection_rules()}"
    )
    return connection


def load(
    connection: duckdb.DuckDBPyConnection,
    folder: Folder,
    max_rejected_share: float = 0.01,
    excluded_departments: Iterable[str] = (),
    excluded_categories: Iterable[str] = (),
) -> dict[str, dict[str, int]]:
    """Load the folder in one transaction.

    Returns
    -------
    dict
        By file name: lines, loaded, rejected, duplicates, and reasons (lines by reason).
    """
    connection.begin()
    try:
        weeks = ingestion.read_calendar(folder.path)
        config = ingestion.LoadConfig(str(folder.path), max_rejected_share)
        ingestion.load_files(connection, config, weeks, excluded_departments, excluded_categories)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return outcomes(connection)


def outcomes(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Count what became of the lines of each file, from the landing tables themselves."""
    rows = connection.execute(
        """
        select
            file_name,
            lines,
            (select count(*) from landing.lgsr_lines where lgsr_lines.week = lgsr_files.week),
            (select count(*) from landing.lgsr_rejected_lines as bad where bad.week = lgsr_files.week),
            duplicates,
            (
                select coalesce(histogram(reason), map {})
                from landing.lgsr_rejected_lines as bad
                where bad.week = lgsr_files.week
            )
        from landing.lgsr_files
        order by file_name
        """
    ).fetchall()
    return {
        name: dict(zip(("lines", "loaded", "rejected", "duplicates", "reasons"), counts, strict=True))
        for name, *counts in rows
    }
