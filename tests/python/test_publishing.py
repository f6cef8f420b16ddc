"""Publications: whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from itertools import pairwise
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from conftest import PROJECT
from grocery_recommender import publishing

PYTHON_FOLDER = Path(publishing.__file__).parents[1]


def marts(week: int, rows: int = 50) -> dict[str, str]:
    """Two marts of one week, which readers join."""
    return {
        "lists": f"select {week} as week, range as product from range({rows})",
        "outcomes": f"select {week} as week, range as product, range % 3 = 0 as was_bought from range({rows})",
    }


def published_week(folder: Path) -> int:
    with duckdb.connect(str((folder / "current").resolve() / "serving.duckdb"), read_only=True) as reader:
        (week,) = reader.execute(
            "select distinct week from marts.lists join marts.outcomes using (product, week)"
        ).fetchone()
    return week


def versions(folder: Path) -> set[str]:
    return {path.name for path in (folder / "versions").iterdir()}


def publish_until_killed(killed_before: str, marts: dict[str, str], folder: Path, key: str | None = None) -> None:
    """Publish in a process of its own, which dies when it calls a function of the module ``publishing``."""
    script = f"""
        import os, signal, duckdb
        from pathlib import Path
        from grocery_recommender import publishing
        publishing.{killed_before} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        publishing.publish(duckdb.connect(), {marts!r}, Path({str(folder)!r}), key={key!r})
    """
    environment = os.environ | {"PYTHONPATH": str(PYTHON_FOLDER)}
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=environment, check=False)
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "it's published"
    publishing.publish(duckdb.connect(), marts(1), folder)
    return folder


def test_a_publication_holds_every_mart_twice_and_says_so(folder: Path) -> None:
    manifest = publishing.publish(duckdb.connect(), marts(1), folder).to_pylist()
    current = folder / "current"
    assert [(row["mart"], row["rows"]) for row in manifest] == [("lists", 50), ("outcomes", 50)]
    for row in manifest:
        path = current / f"{row['mart']}.parquet"
        assert path.stat().st_size == row["bytes"]
        assert len(pd.read_parquet(path)) == row["rows"]
    assert published_week(folder) == 1


def test_the_same_marts_in_another_order_are_the_same_version(folder: Path) -> None:
    before, manifest = versions(folder), publishing.publish(duckdb.connect(), marts(1), folder)
    shuffled = {name: f"select * from ({query}) order by hash(product)" for name, query in marts(1).items()}
    assert publishing.publish(duckdb.connect(), shuffled, folder).equals(manifest)
    assert versions(folder) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select 1 as week, 2 as position", "select 1 as target_week, 2 as position"),
        ("select 1 as week, 2 as position", "select 1::bigint as week, 2 as position"),
        ("select 1 as week where false", "select 1 as week, 2 as position where false"),
    ],
    ids=["name", "type", "column without rows"],
)
def test_another_column_is_another_version(tmp_path: Path, before: str, after: str) -> None:
    hashes = set()
    for query in (before, after):
        manifest = publishing.publish(duckdb.connect(), {"lists": query}, tmp_path).to_pylist()
        hashes.add(manifest[0]["content_hash"])
        published = duckdb.sql(f"from '{tmp_path}/current/lists.parquet'")
        expected = duckdb.sql(query)
        assert (published.columns, published.types) == (expected.columns, expected.types)
    assert len(hashes) == 2


@pytest.mark.parametrize("described", ["table marts.lists", "column marts.lists.week"])
def test_another_comment_is_another_version(tmp_path: Path, described: str) -> None:
    connection = duckdb.connect()
    connection.execute("create schema marts; create table marts.lists as select 1 as week, 2 as position")
    connection.execute("comment on column marts.lists.position is 'Place in the list.'")
    hashes = set()
    for comment in ("Week.", "Week of the calendar."):
        connection.execute(f"comment on {described} is '{comment}'")
        (row,) = publishing.publish(connection, {"lists": "from marts.lists"}, tmp_path).to_pylist()
        hashes.add(row["content_hash"])
        with duckdb.connect(str(tmp_path / "current" / "serving.duckdb"), read_only=True) as reader:
            comments = reader.execute(
                "select comment from duckdb_tables() union select comment from duckdb_columns() where not internal"
            )
            assert (comment,) in comments.fetchall()
    assert len(hashes) == 1
    assert len(versions(tmp_path)) == 2


def test_another_format_of_the_file_is_another_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "STORAGE_VERSION", "v1.2.0")
    publishing.publish(duckdb.connect(), marts(1), folder)
    assert _storage_number(folder / "current" / "serving.duckdb") < 67


def test_the_version_before_stays_for_rollback_and_older_ones_go(folder: Path) -> None:
    for week in (2, 3, 4):
        publishing.publish(duckdb.connect(), marts(week), folder)
    assert published_week(folder) == 4
    (older,) = versions(folder) - {(folder / "current").resolve().name}
    assert set(pd.read_parquet(folder / "versions" / older / "lists.parquet")["week"]) == {3}
    publishing.publish(duckdb.connect(), marts(3), folder)
    assert published_week(folder) == 3


def test_after_a_rollback_the_version_rolled_back_to_stays(folder: Path) -> None:
    good = (folder / "current").resolve().name
    publishing.publish(duckdb.connect(), marts(2), folder)
    (folder / "link").symlink_to(Path("versions") / good)
    (folder / "link").replace(folder / "current")
    publishing.publish(duckdb.connect(), marts(3), folder)
    assert published_week(folder) == 3
    assert versions(folder) == {good, (folder / "current").resolve().name}


@pytest.mark.parametrize("stage", ["_content", "_write", "_sync", "_switch"])
def test_a_failure_at_any_stage_leaves_the_last_publication(
    folder: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, stage, fail)
        with pytest.raises(OSError, match="injected"):
            publishing.publish(duckdb.connect(), marts(2), folder)
    assert published_week(folder) == 1
    publishing.publish(duckdb.connect(), marts(2), folder)
    assert published_week(folder) == 2
    assert not list((folder / "versions").glob(".*"))


def test_a_mart_that_cannot_be_read_leaves_the_last_publication(folder: Path) -> None:
    broken = marts(2) | {"third": "select error('no such mart') as week"}
    with pytest.raises(duckdb.Error, match="no such mart"):
        publishing.publish(duckdb.connect(), broken, folder)
    assert published_week(folder) == 1


@pytest.mark.parametrize("killed_before", ["_write", "_sync", "_switch", "_prune"])
def test_kill_while_publishing(folder: Path, killed_before: str) -> None:
    publish_until_killed(killed_before, marts(2), folder)
    assert published_week(folder) == (2 if killed_before == "_prune" else 1)
    publishing.publish(duckdb.connect(), marts(2), folder)
    assert published_week(folder) == 2
    assert not list((folder / "versions").glob(".*"))


def test_half_a_version_is_not_taken_for_the_whole(folder: Path) -> None:
    first = (folder / "current").resolve().name
    publishing.publish(duckdb.connect(), marts(2), folder)
    publish_until_killed("shutil.rmtree", marts(3), folder)
    assert first not in versions(folder)
    publishing.publish(duckdb.connect(), marts(1), folder)
    assert published_week(folder) == 1


@pytest.mark.parametrize("damage", ["missing mart", "cut mart", "missing serving file", "missing manifest"])
def test_a_damaged_version_is_written_again(folder: Path, damage: str) -> None:
    current = folder / "current"
    before = {path.name for path in current.iterdir()}
    match damage:
        case "missing mart":
            (current / "lists.parquet").unlink()
        case "cut mart":
            (current / "lists.parquet").write_bytes((current / "lists.parquet").read_bytes()[:-1])
        case "missing serving file":
            (current / "serving.duckdb").unlink()
        case "missing manifest":
            (current / "manifest.json").unlink()
    publishing.publish(duckdb.connect(), marts(1), folder)
    assert {path.name for path in current.iterdir()} == before
    assert published_week(folder) == 1
    assert len(pd.read_parquet(current / "lists.parquet")) == 50
    assert not list((folder / "versions").glob(".*"))


def test_a_copy_whose_links_were_followed_is_named(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with pytest.raises(ValueError, match="current must be a link"):
        publishing.publish(duckdb.connect(), marts(2), copy)


def test_a_reader_keeps_the_version_that_it_has_open(folder: Path) -> None:
    with duckdb.connect(str(folder / "current" / "serving.duckdb"), read_only=True) as reader:
        for week in (2, 3, 4):
            publishing.publish(duckdb.connect(), marts(week), folder)
        assert reader.execute("select distinct week from marts.lists").fetchall() == [(1,)]
    assert published_week(folder) == 4


READER = """
import sys
from pathlib import Path
import duckdb
folder, seen = Path(sys.argv[1]), set()
for _ in range(300):
    with duckdb.connect(str(folder / "current" / "serving.duckdb"), read_only=True) as reader:
        rows = reader.execute(
            "select count(*), min(week), max(week) from marts.lists full join marts.outcomes using (product, week)"
        ).fetchone()
        assert rows[0] == 50 and rows[1] == rows[2], rows
        seen.add(rows[1])
print(len(seen))
"""


def test_readers_never_see_two_weeks_while_publications_switch(folder: Path) -> None:
    reader = subprocess.Popen([sys.executable, "-c", READER, str(folder)], stdout=subprocess.PIPE, text=True)
    week = 1
    connection = duckdb.connect()
    while reader.poll() is None:
        week += 1
        publishing.publish(connection, marts(week), folder)
        threading.Event().wait(0.1)
    assert reader.returncode == 0
    assert int(reader.stdout.read()) > 2, "the reader saw no switch"


def test_the_serving_file_has_an_older_format_than_the_default(folder: Path, tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "default.duckdb")).close()
    serving, default = folder / "current" / "serving.duckdb", tmp_path / "default.duckdb"
    assert _storage_number(serving) == 67  # DuckDB 1.4's
    assert _storage_number(default) > 67


def _storage_number(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[12:20], "little")


def test_the_manifest_has_the_promised_columns(folder: Path) -> None:
    manifest = publishing.publish(duckdb.connect(), marts(1), folder)
    assert manifest.schema.equals(publishing.SCHEMA)
    assert isinstance(manifest, pa.Table)


def test_descriptions_travel_with_the_marts(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("create schema marts; create table marts.lists as select 1 as week, 'it''s' as product")
    connection.execute("comment on table marts.lists is 'One row per week''s product.'")
    connection.execute("comment on column marts.lists.product is 'What is bought; \"quoted\".'")
    publishing.publish(connection, {"items": "from marts.lists"}, tmp_path, documented_as={"items": "marts.lists"})
    with duckdb.connect(str(tmp_path / "current" / "serving.duckdb"), read_only=True) as reader:
        assert reader.execute("select comment from duckdb_tables()").fetchall() == [("One row per week's product.",)]
        comments = reader.execute("select column_name, comment from duckdb_columns() where schema_name = 'marts'")
        assert dict(comments.fetchall()) == {"week": None, "product": 'What is bought; "quoted".'}


def test_pseudonyms_hide_customers_and_keep_joins(tmp_path: Path) -> None:
    marts = {
        "lists": "select 'c' || range as customer_id, range as product from range(20)",
        "outcomes": "select 'c' || range as customer_id, range % 3 = 0 as was_bought from range(20)",
        "products": "select range as product from range(20)",
    }
    ids = {}
    for name, key in (("first", "a" * 16), ("again", "a" * 16), ("other", "b" * 16)):
        publishing.publish(duckdb.connect(), marts, tmp_path / name, key=key)
        with duckdb.connect(str(tmp_path / name / "current" / "serving.duckdb"), read_only=True) as reader:
            rows = reader.execute(
                "select product, customer_id, was_bought from marts.lists join marts.outcomes using (customer_id)"
            ).fetchall()
            assert {(product, was_bought) for product, _, was_bought in rows} == {(i, i % 3 == 0) for i in range(20)}
            ids[name] = {product: customer for product, customer, _ in rows}
    assert len(set(ids["first"].values())) == 20
    assert ids["first"] == ids["again"]
    assert not set(ids["first"].values()) & ({f"c{i}" for i in range(20)} | set(ids["other"].values()))
    for path in (tmp_path / "first" / "versions").rglob("*.*"):
        assert ("a" * 16).encode() not in path.read_bytes()


def test_the_order_of_the_rows_does_not_tell_who_is_who(tmp_path: Path) -> None:
    marts = {"lists": "select format('{:04}', range) as customer_id, range as raw_id from range(2000)"}
    publishing.publish(duckdb.connect(), marts, tmp_path, key="a" * 16)
    tables = (f"read_parquet('{tmp_path}/current/lists.parquet')", "publication.marts.lists")
    with duckdb.connect() as reader:
        reader.execute(f"attach '{tmp_path}/current/serving.duckdb' as publication (read_only)")
        for table in tables:
            ids = [raw_id for (raw_id,) in reader.execute(f"select raw_id from {table}").fetchall()]
            ascending = sum(before < after for before, after in pairwise(ids)) / (len(ids) - 1)
            assert 0.45 < ascending < 0.55


def marts_of_customers(product: str) -> dict[str, str]:
    return {"lists": f"select 'customer ' || range as customer_id, '{product}' as product_id from range(20)"}


def all_bytes(folder: Path) -> bytes:
    """All that lies in a publish folder, also beside the current version."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("before", "after"), [(None, "a" * 16), ("a" * 16, "b" * 16), ("a" * 16, None)])
def test_nothing_under_another_key_stays(tmp_path: Path, before: str | None, after: str | None) -> None:
    for product in ("milk", "tea"):
        publishing.publish(duckdb.connect(), marts_of_customers(product), tmp_path, key=before)
    for name in ("report.html", publishing.UNFINISHED_REPORT):
        (tmp_path / name).touch()
    publishing.publish(duckdb.connect(), marts_of_customers("tea"), tmp_path, key=after)
    assert versions(tmp_path) == {(tmp_path / "current").resolve().name}
    assert {path.name for path in tmp_path.iterdir()} == {"current", "versions"}
    assert (b"customer 7" in all_bytes(tmp_path)) == (after is None)


@pytest.mark.parametrize("key", [None, "a" * 16])
def test_under_the_same_key_the_version_before_and_the_report_stay(tmp_path: Path, key: str | None) -> None:
    for product in ("milk", "tea"):
        publishing.publish(duckdb.connect(), marts_of_customers(product), tmp_path, key=key)
        (tmp_path / "report.html").touch()
    publishing.publish(duckdb.connect(), marts_of_customers("tea"), tmp_path, key=key)
    assert len(versions(tmp_path)) == 2
    assert (tmp_path / "report.html").exists()


def test_another_key_is_another_version_even_without_customers(folder: Path) -> None:
    names = set()
    for key in ("a" * 16, "b" * 16):
        publishing.publish(duckdb.connect(), marts(1), folder, key=key)
        names |= versions(folder)
    assert len(names) == 2
    assert published_week(folder) == 1


@pytest.mark.parametrize(("before", "after"), [(None, "a" * 16), ("a" * 16, None)])
def test_a_version_that_names_no_key_is_not_trusted(tmp_path: Path, before: str | None, after: str | None) -> None:
    publishing.publish(duckdb.connect(), marts_of_customers("milk"), tmp_path, key=before)
    manifest = tmp_path / "current" / "manifest.json"
    rows = json.loads(manifest.read_text())
    for row in rows:
        del row["key_digest"]
    manifest.write_text(json.dumps(rows))
    publishing.publish(duckdb.connect(), marts_of_customers("milk"), tmp_path, key=after)
    assert versions(tmp_path) == {(tmp_path / "current").resolve().name}


def test_files_beside_the_versions_are_let_be(folder: Path) -> None:
    (folder / "versions" / ".DS_Store").touch()
    for week in (2, 3):
        publishing.publish(duckdb.connect(), marts(week), folder)
        assert published_week(folder) == week
    assert (folder / "versions" / ".DS_Store").exists()


@pytest.mark.parametrize("then", ["tea", "milk"])
@pytest.mark.parametrize("killed_before", ["_switch", "_prune", "shutil.rmtree", "os.rename"])
def test_kill_while_pseudonyms_are_switched_on(tmp_path: Path, killed_before: str, then: str) -> None:
    publishing.publish(duckdb.connect(), marts_of_customers("milk"), tmp_path)
    (tmp_path / "report.html").write_text("customer 7")
    publish_until_killed(killed_before, marts_of_customers("tea"), tmp_path, key="a" * 16)
    publishing.publish(duckdb.connect(), marts_of_customers(then), tmp_path, key="a" * 16)
    assert b"customer 7" not in all_bytes(tmp_path)
    assert not list((tmp_path / "versions").glob(".*"))


@pytest.mark.parametrize("key", ["", "short"])
def test_pseudonyms_need_a_key(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("GROCERY_PSEUDONYM_KEY", key)
    assert publishing.pseudonym_key(False) is None
    with pytest.raises(ValueError, match="GROCERY_PSEUDONYM_KEY"):
        publishing.pseudonym_key(True)


def relations(connection: duckdb.DuckDBPyConnection, listed_week: int) -> dict[str, duckdb.DuckDBPyRelation]:
    """Marts of target week 7; the shopping list is of another week perhaps."""
    lists = "select {} as target_week, 'ann' as customer_id, 'milk' as product_id"
    queries = {
        "recommendations": lists.format(7),
        "shopping_lists": lists.format(listed_week),
        "weeks": "select 7 as week, 0 as weeks_to_target",
    }
    return {name: connection.sql(query) for name, query in queries.items()}


def test_marts_of_two_weeks_are_not_published(tmp_path: Path) -> None:
    connection = duckdb.connect()
    with pytest.raises(ValueError, match="shopping_lists lacks the target week"):
        publishing.publish_relations(connection, relations(connection, 6), str(tmp_path), pseudonymous=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pseudonymous", [False, True])
def test_relations_are_published_with_ids_or_with_pseudonyms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pseudonymous: bool
) -> None:
    monkeypatch.setenv("GROCERY_PSEUDONYM_KEY", "a" * 16)
    connection = duckdb.connect()
    publishing.publish_relations(connection, relations(connection, 7), str(tmp_path), pseudonymous)
    with duckdb.connect(str(tmp_path / "current" / "serving.duckdb"), read_only=True) as reader:
        ((customer, product),) = reader.execute("select customer_id, product_id from marts.shopping_lists").fetchall()
    assert (customer == "ann") != pseudonymous
    assert product == "milk"


def test_every_mart_is_published_but_refused_lines() -> None:
    marts = {path.stem for path in (PROJECT / "models/marts").glob("*.sql")}
    published = re.findall(r'dbt\.ref\("(\w+)"\)', (PROJECT / "models/publishing/published_marts.py").read_text())
    assert marts - set(published) == {"rejected_rows"}
