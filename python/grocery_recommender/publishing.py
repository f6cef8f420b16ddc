"""Write, audit, publish: readers see one whole publication or the next, never half of one.

A DuckDB file that is being written admits no reader, so nobody reads the warehouse. The marts are copied into a
version folder of their own, and a symbolic link, replaced in one step, says which version counts::

    <folder>/current -> versions/<version>
    <folder>/versions/<version>/serving.duckdb, <mart>.parquet …, manifest.json

A reader that resolves `current` once and stays in that folder never sees two weeks mixed, and keeps its files open over
a switch. The version before stays for rollback: point `current` at it. It goes at once if its ids were made with
another key, or without any: joined with the new one on their probabilities, it would say who is behind a pseudonym.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from grocery_recommender.progress import report
from grocery_recommender.quoting import literal

# The format that DuckDB 1.4 and later can open.
STORAGE_VERSION = "v1.4.0"
SHORTEST_KEY = 16
UNFINISHED_REPORT = ".report.html.unfinished"
# Marts that another layer documents.
DOCUMENTED_AS = {"products": "core.dim_products", "weeks": "core.dim_weeks"}
SCHEMA = pa.schema(
    [
        ("mart", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("content_hash", pa.string()),
        ("version", pa.string()),
        ("published_at", pa.timestamp("us")),
    ]
)


def publish_relations(connection: Any, marts: dict[str, Any], folder: str, pseudonymous: bool) -> pa.Table:
    """Publish the relations of a dbt Python model, with the customers' ids or with pseudonyms.

    Parameters
    ----------
    connection
        Where the marts can be read; it must not be in a transaction. A DuckDB of its own reads what Spark has built.
    marts
        Relation of each mart by the name under which it is published.
    folder
        Where publications live.
    pseudonymous
        Whether ``customer_id`` is replaced; the key comes from the environment, see ``pseudonym_key``.

    Returns
    -------
    pyarrow.Table
        The manifest, see ``publish``.

    Raises
    ------
    ValueError
        If the lists are of two weeks, as where a build made some of them only.
    """
    queries = {name: mart.sql_query() for name, mart in marts.items()}
    if not isinstance(connection, duckdb.DuckDBPyConnection):
        tables = {name: DOCUMENTED_AS.get(name, f"marts.{name}") for name in marts}
        connection = connection.in_duckdb(tables.values())
        queries = {name: f"select * from {table}" for name, table in tables.items()}
    _check_target_week(connection, queries)
    return publish(connection, queries, Path(folder), DOCUMENTED_AS, pseudonym_key(pseudonymous))


def _check_target_week(connection: Any, queries: dict[str, str]) -> None:
    # Who gets recommendations gets a list, too; flyers and reminders may be empty.
    target_week = f"target_week in (select week from ({queries['weeks']}) where weeks_to_target = 0)"
    missing = [
        name
        for name in ("recommendations", "shopping_lists")
        if not connection.sql(f"select 1 from ({queries[name]}) where {target_week} limit 1").fetchall()
    ]
    if len(missing) == 1:
        raise ValueError(f"nothing is published: {missing[0]} lacks the target week, which other marts have; build all")


def publish(
    connection: Any,
    marts: dict[str, str],
    folder: Path,
    documented_as: dict[str, str] | None = None,
    key: str | None = None,
) -> pa.Table:
    """Publish the marts as one version, unless the current version holds just the same.

    Parameters
    ----------
    connection
        Where the marts can be read; it must not be in a transaction.
    marts
        Query of each mart by the name under which it is published.
    folder
        Where publications live; it is made if need be.
    documented_as
        Tables whose comments, and those of their columns, describe a mart; without an entry it is the one of the same
        name in the schema ``marts``.
    key
        Where it is given, every ``customer_id`` is replaced by a hash that nobody can make or undo without the key: the
        same in all marts and versions, so that joins go on working. Versions under another key, or under none, are
        removed with the switch, and so is ``report.html``.

    Returns
    -------
    pyarrow.Table
        The manifest in ``SCHEMA``, one row per mart; ``bytes`` is the size of its Parquet file, ``content_hash`` tells
        columns, types and rows, but does not depend on the order of the rows.

    Raises
    ------
    ValueError
        If ``current`` is no link, as in a copy of the folder whose links were followed.
    """
    if key is not None:
        connection.execute("set variable pseudonym_key = ?", [key])
        marts = {name: _with_pseudonyms(connection, query) for name, query in marts.items()}
    comments = {name: _comments(connection, (documented_as or {}).get(name, f"marts.{name}")) for name in marts}
    contents = {name: _content(connection, query) for name, query in marts.items()}
    key_digest = _key_digest(key)
    version = _version(contents, comments, key_digest)
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    current = folder / "current"
    if current.exists() and not current.is_symlink():
        raise ValueError(f"{current} must be a link to a version, which switches readers: remove it, and build again")
    before = current.resolve().name if current.exists() else None
    comparable = _under_key(versions, key_digest)
    is_whole = _is_whole(versions / version)
    if before == version and is_whole:
        _prune(versions, comparable | {version})  # A run may have been killed since the switch.
        report(f"publishing: version {version} is current, nothing to do")
        return _manifest(versions / version)
    if not is_whole:
        unfinished = versions / f".{version}.unfinished"
        unfinished.mkdir()
        _write(connection, marts, contents, comments, version, key_digest, unfinished)
        if (versions / version).exists():
            shutil.rmtree((versions / version).rename(versions / f".{version}.damaged.unfinished"))
        os.rename(unfinished, versions / version)
        _sync(versions)
    if before not in comparable:
        (folder / "report.html").unlink(missing_ok=True)  # Before the switch, or a kill in between would spare it.
    _switch(current, version)
    if before not in comparable:
        (folder / "report.html").unlink(missing_ok=True)  # `make report` may have written it meanwhile.
    _prune(versions, {version} | ({before} & comparable))
    report(f"publishing: version {version}, {len(marts)} marts, in {current}")
    return _manifest(versions / version)


def pseudonym_key(is_wanted: bool) -> str | None:
    """The key of the environment variable ``GROCERY_PSEUDONYM_KEY``, or None where no pseudonyms are wanted.

    Raises
    ------
    ValueError
        If pseudonyms are wanted and the key is missing, or so short that it could be guessed.
    """
    if not is_wanted:
        return None
    key = os.environ.get("GROCERY_PSEUDONYM_KEY", "")
    if len(key) < SHORTEST_KEY:
        raise ValueError(
            f"pseudonymous_customer_ids is set: put a secret of at least {SHORTEST_KEY} characters into the environment"
            " variable GROCERY_PSEUDONYM_KEY, and keep it, or the same customer gets another id next week"
        )
    return key


def _key_digest(key: str | None) -> str | None:
    """What tells keys apart, 16 hexadecimal digits, and gives away no more of a key than a pseudonym does."""
    # Pseudonyms are no HMAC, so that this one is nobody's. Versions whose rows lay in the order of raw ids were made
    # with another message, so that none of them stays.
    return None if key is None else hmac.new(key.encode(), b"pseudonyms in order", "sha256").hexdigest()[:16]


def _with_pseudonyms(connection: Any, query: str) -> str:
    if "customer_id" not in connection.sql(query).columns:
        return query
    # Two rounds, as in HMAC: knowing the hash of one id does not help to make that of a longer one.
    key = "getvariable('pseudonym_key')"
    pseudonym = f"substr(sha256({key} || sha256({key} || customer_id)), 1, 32)"
    # A mart lies in the order of raw ids, or of a hash that anyone can make: beside a list of them it says who is who.
    return f"select * from (select * replace ({pseudonym} as customer_id) from ({query})) order by customer_id"


def _comments(connection: Any, table: str) -> dict[str | None, str]:
    """Comments of the columns of a table, by name, and of the table itself, by None."""
    schema, name = table.split(".")
    rows = connection.sql(
        "select null as column_name, comment from duckdb_tables() where schema_name = $schema and table_name = $name"
        " and database_name = current_database() union all"
        " select null, comment from duckdb_views() where schema_name = $schema and view_name = $name"
        " and database_name = current_database() union all"
        " select column_name, comment from duckdb_columns() where schema_name = $schema and table_name = $name"
        " and database_name = current_database() order by column_name nulls first",
        params={"schema": schema, "name": name},
    ).fetchall()
    return {column: comment for column, comment in rows if comment}


def _content(connection: Any, query: str) -> tuple[int, str]:
    """Number of rows, and a hash of the columns, their types and the rows in any order."""
    relation = connection.sql(query)
    # A row's hash knows neither names nor the width of integers, and without rows there is none.
    columns = [(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]
    (row,) = connection.sql(
        f"select count(*), cast(coalesce(sum(cast(hash(mart) as hugeint)), 0) as varchar) from ({query}) as mart"
    ).fetchall()
    return int(row[0]), hashlib.sha256(json.dumps([columns, row[1]]).encode()).hexdigest()


def _version(
    contents: dict[str, tuple[int, str]], comments: dict[str, dict[str | None, str]], key_digest: str | None
) -> str:
    """Name of a version, 16 hexadecimal digits: whatever a reader could tell apart has another one."""
    marts = [(name, contents[name], list(comments[name].items())) for name in sorted(contents)]
    return hashlib.sha256(json.dumps([STORAGE_VERSION, key_digest, marts]).encode()).hexdigest()[:16]


def _write(
    connection: Any,
    marts: dict[str, str],
    contents: dict[str, tuple[int, str]],
    comments: dict[str, dict[str | None, str]],
    version: str,
    key_digest: str | None,
    folder: Path,
) -> None:
    serving = literal(folder / "serving.duckdb")
    connection.execute(f"attach {serving} as publication (storage_version '{STORAGE_VERSION}')")
    try:
        connection.execute("create schema publication.marts")
        for name, query in marts.items():
            connection.execute(f"create table publication.marts.{name} as {query}")
            for column, comment in comments[name].items():
                described = (
                    f"table publication.marts.{name}" if column is None else f"column publication.marts.{name}.{column}"
                )
                connection.execute(f"comment on {described} is {literal(comment)}")
            connection.execute(f"copy publication.marts.{name} to {literal(folder / f'{name}.parquet')}")
        connection.execute("checkpoint publication")
    finally:
        connection.execute("detach publication")
    published_at = datetime.now(UTC).replace(tzinfo=None).isoformat()
    manifest = [
        {
            "mart": name,
            "rows": contents[name][0],
            "bytes": (folder / f"{name}.parquet").stat().st_size,
            "content_hash": contents[name][1],
            "version": version,
            "key_digest": key_digest,
            "published_at": published_at,
        }
        for name in marts
    ]
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def _is_whole(version_folder: Path) -> bool:
    """Whether all files of a version are there, of the size that they were written with."""
    try:
        rows = json.loads((version_folder / "manifest.json").read_text())
        sizes = [(version_folder / f"{row['mart']}.parquet").stat().st_size for row in rows]
    except (OSError, ValueError):
        return False
    return sizes == [row["bytes"] for row in rows] and (version_folder / "serving.duckdb").exists()


def _switch(current: Path, version: str) -> None:
    """Point the link at another version, in one step."""
    link = current.with_name(".current.unfinished")
    link.symlink_to(Path("versions") / version)
    os.replace(link, current)
    _sync(current.parent)


def _under_key(versions: Path, key_digest: str | None) -> set[str]:
    """Names of the versions whose ids were made with this key, or without any where it is None."""
    # Of a version of before digests were recorded nobody knows the key: it is under no other.
    return {
        path.parent.name
        for path in versions.glob("*/manifest.json")
        if all(row.get("key_digest", "unknown") == key_digest for row in json.loads(path.read_text()))
    }


def _prune(versions: Path, kept: set[str]) -> None:
    """Remove all other versions, however new: after a rollback the newest is the one that was found wanting."""
    for path in list(versions.iterdir()):
        if path.is_dir() and path.name not in kept:  # A file, such as .DS_Store, is none of ours.
            # A kill must not leave half a version under its name, where it would be taken for the whole.
            shutil.rmtree(path.rename(versions / f".{path.name}.unfinished"))


def _remove_leftovers(folder: Path) -> None:
    """What a killed run left behind."""
    for path in (folder / "versions").glob(".*.unfinished"):
        shutil.rmtree(path)
    for name in (".current.unfinished", UNFINISHED_REPORT):
        (folder / name).unlink(missing_ok=True)


def _manifest(version_folder: Path) -> pa.Table:
    rows = json.loads((version_folder / "manifest.json").read_text())
    for row in rows:
        row["published_at"] = datetime.fromisoformat(row["published_at"])
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
