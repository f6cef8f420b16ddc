"""The LGSR adapter as a user runs it: `dbt build`, week after week, on a folder that changes between runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from lgsr_folder import HEADER, PROJECT, WEEKS, Folder, make_line, make_lines, monday

NAME = f"transactions_{WEEKS[0]}.csv"


class Warehouse:
    """A warehouse that dbt builds from a folder.

    Parameters
    ----------
    home : Path
        Where the folder of files and the DuckDB file are.
    """

    def __init__(self, home: Path) -> None:
        self.folder = Folder(home / "it's; a [shop]*")
        self.database = home / "lgsr.duckdb"
        self.target = home / "target"
        self.manifest = None

    def empty(self) -> None:
        """Start again, with files that are good."""
        self.folder = Folder(self.folder.path)
        self.folder.write_weeks()
        self.database.unlink(missing_ok=True)

    def build(self, *arguments: str, with_tests: bool = False) -> dict[str, str]:
        """Run `dbt build` on staging.

        Returns
        -------
        dict
            Status by node name; ``errors`` holds what went wrong.
        """
        variables = json.dumps({"retailer": "lgsr", "lgsr_path": str(self.folder.path)})
        directories = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        outputs = ["--target-path", str(self.target), "--log-path", str(self.target), "--quiet"]
        if not with_tests:
            arguments += ("--exclude-resource-type", "test")
        runner = dbtRunner(manifest=self.manifest)
        outcome = runner.invoke(
            ["build", "--select", "+staging", "--vars", variables, *directories, *outputs, *arguments]
        )
        DuckDBConnectionManager.close_all_connections()
        if outcome.exception:
            raise outcome.exception
        self.manifest = runner.manifest or self.manifest
        statuses = {result.node.name: str(result.status) for result in outcome.result}
        errors = [result.message for result in outcome.result if str(result.status) in ("error", "fail")]
        return statuses | {"errors": "\n".join(errors)}

    def query(self, sql: str) -> list[tuple]:
        """Return the rows of a query on the built warehouse."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def contents(self) -> dict[str, list[tuple]]:
        """Return the canonical relations, but for the ledger."""
        relations = ("transaction_lines", "rejected_lines", "products", "customers", "stores", "promotions", "weeks")
        return {name: self.query(f"select * from staging.{name} order by all") for name in relations}


@pytest.fixture(scope="module")
def built_warehouse(tmp_path_factory):
    home = tmp_path_factory.mktemp("lgsr")
    before = os.environ.get("GROCERY_WAREHOUSE")
    os.environ["GROCERY_WAREHOUSE"] = str(home / "lgsr.duckdb")
    working_directory = Path.cwd()
    os.chdir(PROJECT)  # module_paths of the profile are relative
    yield Warehouse(home)
    os.chdir(working_directory)
    if before is None:
        del os.environ["GROCERY_WAREHOUSE"]
    else:
        os.environ["GROCERY_WAREHOUSE"] = before


@pytest.fixture
def warehouse(built_warehouse):
    built_warehouse.empty()
    return built_warehouse


def later(path):
    """Make a file look written later."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 5_000_000_000))
    return path


def test_weekly_life_of_a_folder(warehouse):
    """First load, second load, a changed, a packed, a vanished and a new file: always what a fresh load would give."""
    assert warehouse.build(with_tests=True)["errors"] == ""
    first = warehouse.contents()
    ledger = warehouse.query("select * from staging.source_files order by all")
    assert len(first["transaction_lines"]) == 80

    # Nothing new: a file that is read again would be refused, for it cannot be read.
    contents = (warehouse.folder.path / NAME).read_bytes()
    status = (warehouse.folder.path / NAME).stat()
    (warehouse.folder.path / NAME).write_bytes(b"x" * len(contents))
    os.utime(warehouse.folder.path / NAME, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert warehouse.build()["errors"] == ""
    assert warehouse.contents() == first
    assert warehouse.query("select * from staging.source_files order by all") == ledger

    lines = make_lines(WEEKS[0], 6)
    bad = make_line(WEEKS[0], 7, QUANTITY=-1)
    later(warehouse.folder.write_week(WEEKS[0], [*lines, bad, bad]))
    (warehouse.folder.path / f"transactions_{WEEKS[1]}.csv").unlink()
    warehouse.folder.write_week(WEEKS[1], header=HEADER[::-1], packed=True)
    (warehouse.folder.path / f"transactions_{WEEKS[2]}.csv").unlink()
    warehouse.folder.write_week(200703, renamed={"CUST_PRICE_SENSITIVITY": "seg_1", "CUST_LIFESTAGE": "seg_2"})
    warehouse.folder.write_calendar([*WEEKS, 200703, 200704])
    outcome = warehouse.build(with_tests=True)
    assert outcome["errors"] == ""
    vanished = [name for name, status in outcome.items() if status == "warn"]
    assert len(vanished) == 1
    assert "is_in_folder" in vanished[0]
    assert warehouse.query("select file_name, lines, duplicates from staging.source_files order by file_name") == [
        (NAME, 8, 1),
        (f"transactions_{WEEKS[1]}.csv.gz", 20, 0),
        (f"transactions_{WEEKS[2]}.csv", 20, 0),
        (f"transactions_{WEEKS[3]}.csv", 20, 0),
        ("transactions_200703.csv", 20, 0),
    ]
    rejected = warehouse.query("select file_name, line_number, reason from staging.rejected_lines")
    assert rejected == [(NAME, 7, "quantity_not_positive")]

    warehouse.folder.write_week(WEEKS[2])
    step_by_step = warehouse.contents()
    assert warehouse.build("--full-refresh")["errors"] == ""
    assert warehouse.contents() == step_by_step


STOPS = {
    "damaged lines": (
        lambda folder: later(folder.write_week(WEEKS[0], [make_line(WEEKS[0], 0, SPEND="?"), make_line(WEEKS[0], 1)])),
        f"{NAME}: 1 of 2 lines are damaged",
    ),
    "missing column": (
        lambda folder: later(folder.write_week(WEEKS[0], header=HEADER[:-1])),
        f"{NAME} has no column STORE_REGION",
    ),
    "truncated gzip": (
        lambda folder: (
            folder.write_calendar([*WEEKS, 200703, 200704]),
            (folder.path / "transactions_200703.csv.gz").write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\0"),
        ),
        "transactions_200703.csv.gz is a truncated gzip file",
    ),
    "missing week": (
        lambda folder: (folder.write_calendar([*WEEKS, 200703, 200704, 200705]), folder.write_week(200704)),
        "transactions_200703.csv is missing",
    ),
    "end of calendar": (
        lambda folder: (
            folder.write_calendar(WEEKS),
            (folder.path / f"transactions_{WEEKS[-1]}.csv").unlink(),
        ),
        "Add the row 200703,20070312,20070318 to time.csv",
    ),
    "same file twice": (
        lambda folder: folder.write_bytes("transactions_copy.csv", (folder.path / NAME).read_bytes()),
        f"{NAME} and transactions_copy.csv have the same content",
    ),
}


@pytest.mark.parametrize("case", STOPS)
def test_stopped_build_loses_nothing(warehouse, case):
    harm, message = STOPS[case]
    assert warehouse.build()["errors"] == ""
    before = warehouse.contents()
    harm(warehouse.folder)
    outcome = warehouse.build()
    assert message in outcome["errors"]
    assert "Traceback" not in outcome["errors"]
    assert outcome["transaction_lines"] == "skipped"
    assert {**warehouse.contents(), "weeks": before["weeks"]} == before
    warehouse.folder = Folder(warehouse.folder.path)
    warehouse.folder.write_weeks()
    assert warehouse.build()["errors"] == ""
    assert warehouse.contents() == before


def test_versions_begin_in_the_week_that_shows_them(warehouse):
    week, next_week = WEEKS[1:3]
    changed = [
        line | {"PROD_CODE_10": "CL00099", "CUST_LIFESTAGE": "XX", "STORE_FORMAT": "?"}
        for line in make_lines(next_week)
    ]
    # One odd line in a week decides nothing, wherever it stands.
    odd = make_line(week, 30, PROD_CODE_10="CL00000X", CUST_LIFESTAGE="OA")
    warehouse.folder.write_week(week, [odd, *make_lines(week)])
    warehouse.folder.write_week(next_week, changed)
    assert warehouse.build()["errors"] == ""
    stores = warehouse.query("select distinct valid_from_week, store_format from staging.stores order by all")
    assert stores == [(WEEKS[0], "LS"), (next_week, "?"), (WEEKS[3], "LS")]
    products = warehouse.query(
        "select subcategory_id, category_id, department_id, division_id, valid_from_week from staging.products "
        "where product_id = 'PRD0900000' order by valid_from_week"
    )
    upper = ("DEP00001", "G00001", "D00001")
    assert products == [
        ("CL00000", *upper, WEEKS[0]), ("CL00099", *upper, next_week), ("CL00000", *upper, WEEKS[3]),
    ]  # fmt: skip
    customers = warehouse.query(
        "select lifestage, valid_from_week from staging.customers where customer_id = 'CUST0000000000' "
        "order by valid_from_week"
    )
    assert customers == [("YF", WEEKS[0]), ("XX", next_week), ("YF", WEEKS[3])]


def test_unknown_code_warns(warehouse):
    warehouse.folder.write_week(WEEKS[3], [line | {"STORE_FORMAT": "HUGE"} for line in make_lines(WEEKS[3])])
    outcome = warehouse.build(with_tests=True)
    assert outcome["errors"] == ""
    assert [name for name, status in outcome.items() if status == "warn"] == [
        "known_code_stg_lgsr__stores_store_format__store_format"
    ]
    stores = warehouse.query("select distinct valid_from_week, store_format from staging.stores order by all")
    assert stores == [(WEEKS[0], "LS"), (WEEKS[3], "HUGE")]


def test_price_drop_is_the_offer_of_the_week_after(warehouse):
    """A product costs 1.50 everywhere; in the third week it costs 1.35 in one of its two stores, without customers."""
    week, offer_week = WEEKS[2:4]
    lines = make_lines(week)
    cheap = [
        line | {"SPEND": f"{line['QUANTITY'] * 1.35:.2f}", "CUST_CODE": ""}
        if line["PROD_CODE"] == "PRD0900002" and line["STORE_CODE"] == "STORE00000"
        else line
        for line in lines
    ]
    warehouse.folder.write_week(week, cheap)
    assert warehouse.build()["errors"] == ""
    offers = warehouse.query(
        "select product_id, offer_type, week, store_share::double, offer_price::double from staging.promotions"
    )
    assert offers == [("PRD0900002", "price_drop", offer_week, 0.5, 1.35)]

    # A corrected file takes its offer back, in a build that looks at that file only.
    later(warehouse.folder.write_week(week, lines))
    assert warehouse.build()["errors"] == ""
    assert warehouse.query("select * from staging.promotions") == []

    # A week in which everything is given away has no prices, and keeps none of an earlier version of its file.
    later(later(warehouse.folder.write_week(week, cheap)))
    assert warehouse.build()["errors"] == ""
    assert len(warehouse.query("select * from staging.promotions")) == 1
    later(later(later(warehouse.folder.write_week(week, [line | {"SPEND": 0} for line in lines]))))
    assert warehouse.build()["errors"] == ""
    assert warehouse.query("select * from staging.promotions") == []
    assert warehouse.query(f"select * from staging.stg_lgsr__product_prices where week = {week}") == []


def test_calendar_is_gapless_over_the_turn_of_the_year(warehouse):
    assert warehouse.build()["errors"] == ""
    weeks = warehouse.query("select week, week_index, starts_on from staging.weeks order by week")
    assert weeks == [(week, index, monday(week)) for index, week in enumerate([*WEEKS, 200703], start=1)]


def test_calendar_that_ends_with_the_last_file_goes_on_by_the_target_week(warehouse):
    expected = warehouse.build()["errors"], warehouse.query("select * from staging.weeks order by week")
    warehouse.folder.write_calendar(WEEKS)
    assert (warehouse.build()["errors"], warehouse.query("select * from staging.weeks order by week")) == expected
