"""Bringing new and changed transaction files into the landing tables.

The landing tables are what is remembered of files between runs: good lines, rejected lines, one row per file, and the
codes seen with each product, customer and store in each week (so that the dimensions need not read all lines again).

Python cuts a file into *lines* (`files.read_content`); splitting them into fields, casting and judging is SQL. No CSV
reader is involved: a line keeps its number and its text, and no quote or NUL byte can swallow the next one. File names
never reach the database but as values.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from grocery_recommender.ingestion import files as transaction_files
from grocery_recommender.ingestion import statements
from grocery_recommender.ingestion.calendar import FILE_NAME as CALENDAR_FILE
from grocery_recommender.ingestion.calendar import Week, existing_folder
from grocery_recommender.ingestion.errors import IngestionError
from grocery_recommender.ingestion.files import FileContent, TransactionFile

logger = logging.getLogger(__name__)

# Raise it whenever the meaning of a loaded line changes for another reason than the SQL of a load, which counts by
# itself: every file is then loaded again.
LOADER_VERSION = 3
BATCH_BYTES = 128 << 20
LINES_PER_CHUNK = 32_768
POLICY_REASONS = ("quantity_not_positive", "excluded_department", "excluded_category")


@dataclass(frozen=True)
class LoadConfig:
    """What a load is told.

    Parameters
    ----------
    lgsr_path : str
        Folder of the files.
    max_rejected_share : float
        Share of a file's lines, repeats left out, that may be damaged, 0 to 1. `POLICY_REASONS` are no damage.
    """

    lgsr_path: str
    max_rejected_share: float = 0.01


@dataclass(frozen=True)
class LedgerEntry:
    """What is remembered of a loaded file."""

    file_name: str
    week: int
    content_hash: str
    bytes: int
    modified_ns: int
    rules_hash: str
    loaded_at: datetime.datetime

    def is_untouched(self, file: TransactionFile) -> bool:
        """Whether size and time of writing are as they were."""
        return (self.bytes, self.modified_ns) == (file.bytes, file.modified_ns)


@dataclass(frozen=True)
class PendingFile:
    """A file to be loaded, and since when its content is known."""

    file: TransactionFile
    week: Week
    rules_hash: str
    loaded_at: datetime.datetime


RAW_LINES_TYPES = {
    "file_index": pa.int64(),
    "row_id": pa.int64(),
    "line_number": pa.int64(),
    "line": pa.large_string(),
    "fault": pa.string(),
}


class RawLines:
    """The lines of the batch at hand, as a relation that stays registered while its rows change.

    A relation that is unregistered lives on to the end of the transaction, and so would the lines of every batch.
    """

    def __init__(self) -> None:
        self.table = pa.table({name: pa.array([], kind) for name, kind in RAW_LINES_TYPES.items()})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows to the database, in pieces that its threads can share."""
        reader = self.table.to_reader(max_chunksize=LINES_PER_CHUNK)
        return reader.__arrow_c_stream__(requested_schema)


def load(
    session: Any, config: LoadConfig, weeks_sql: str, excluded_departments_sql: str, excluded_categories_sql: str
) -> Any:
    """Load what is new or changed in the folder, whatever the engine of the dbt Python model: see `load_files`.

    Parameters
    ----------
    session
        The model's session. Spark lets a DuckDB of its own load the files, and takes over what has landed.
    config : LoadConfig
    weeks_sql, excluded_departments_sql, excluded_categories_sql : str
        Queries for ``stg_lgsr__weeks`` and the two seeds.
    """
    weeks = session.sql(f"select week, starts_on, ends_on from ({weeks_sql}) order by week").fetchall()

    def excluded(column: str, seed_sql: str) -> list[str]:
        return [row[0] for row in session.sql(f"select {column} from ({seed_sql}) where retailer = 'lgsr'").fetchall()]

    land = partial(
        load_files,
        config=config,
        weeks=[Week(*row) for row in weeks],
        excluded_departments=excluded("department_id", excluded_departments_sql),
        excluded_categories=excluded("category_id", excluded_categories_sql),
    )
    return land(session) if isinstance(session.cursor(), duckdb.DuckDBPyConnection) else session.land(land)


def load_files(
    connection: duckdb.DuckDBPyConnection,
    config: LoadConfig,
    weeks: list[Week],
    excluded_departments: Iterable[str] = (),
    excluded_categories: Iterable[str] = (),
) -> duckdb.DuckDBPyRelation:
    """Load what is new or changed in the folder, all of it or nothing.

    A file is loaded again when its content, the days of its week, what is excluded, the rejection rules, the SQL of
    a load or `LOADER_VERSION` differ from when it was loaded; one that has vanished keeps its lines, with a
    warning. Whether its content may differ is judged by size and time of last writing; only when one of them
    differs is the file read and hashed. A file that was overwritten with as many bytes and the old time of writing
    therefore goes unnoticed until a full refresh.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Inside a transaction, which the caller commits; it must know the SQL macro `line_rejection_reason`.
    config : LoadConfig
    weeks : list of Week
        The fiscal calendar, in order.
    excluded_departments, excluded_categories : iterable of str
        Departments and categories whose lines are rejected.

    Returns
    -------
    duckdb.DuckDBPyRelation
        One row per file that was ever loaded and not replaced: the table ``landing.lgsr_files``, with a `load_id` that
        is another one whenever the lines loaded of the file may be others.

    Raises
    ------
    IngestionError
        If files cannot be loaded; it names them, and says why. The caller's transaction must then be rolled back.
    RuntimeError
        If the connection is not inside a transaction, or lacks the macro.
    """
    if _transaction_id(connection) != _transaction_id(connection):
        raise RuntimeError("load_files needs a transaction around it: begin one, and commit it afterwards.")
    folder = existing_folder(config.lgsr_path)
    excluded = {
        "excluded_departments": sorted(set(excluded_departments)),
        "excluded_categories": sorted(set(excluded_categories)),
    }
    connection.execute(statements.LANDING)
    ledger = _read_ledger(connection)
    files, others = transaction_files.list_files(folder)
    for name in others:
        logger.warning("%s is not loaded: transaction files are named transactions_YYYYWW.csv or .csv.gz.", name)
    if not files and not ledger:
        raise IngestionError(f"{folder} holds no transaction files: put transactions_YYYYWW.csv there.")
    hashes = _content_hashes(files, ledger)
    _check_twins(hashes)
    _check_weeks(files, ledger, weeks)
    _check_calendar(files, ledger, weeks)

    rules = _rejection_rules(connection)
    rules_hashes = {week.number: _rules_hash(week, excluded, rules) for week in weeks}
    pending = _find_pending(files, hashes, ledger, weeks, rules_hashes)
    _warn_of_old_verdicts(files, ledger, rules_hashes)
    _forget(connection, {file.week.number for file in pending})
    raw_lines = RawLines()
    connection.register("raw_lines", raw_lines)
    for batch in _read_batches(pending):
        _load_batch(connection, raw_lines, batch, config.max_rejected_share, [week.number for week in weeks], excluded)
    connection.unregister("raw_lines")
    for table in ("repeated_lines", "batch_rejects"):
        connection.execute(f"drop table if exists temp.{table}")
    _note_folder(connection, files)
    return connection.sql(
        "select *, md5(concat_ws('/', file_name, content_hash, rules_hash)) as load_id from landing.lgsr_files"
    )


def _transaction_id(connection: duckdb.DuckDBPyConnection) -> int:
    return connection.execute("select txid_current()").fetchall()[0][0]


def _read_ledger(connection: duckdb.DuckDBPyConnection) -> dict[str, LedgerEntry]:
    rows = connection.execute(
        "select file_name, week, content_hash, bytes, modified_ns, rules_hash, loaded_at from landing.lgsr_files"
    ).fetchall()
    return {row[0]: LedgerEntry(*row) for row in rows}


def _rejection_rules(connection: duckdb.DuckDBPyConnection) -> str:
    """Text of the SQL macro that judges lines."""
    rows = connection.execute(
        "select macro_definition from duckdb_functions() where function_name = 'line_rejection_reason'"
    ).fetchall()
    if not rows:
        raise RuntimeError("load_files needs the SQL macro line_rejection_reason on its connection.")
    return rows[0][0]


def _rules_hash(week: Week, excluded: dict[str, list[str]], rules: str) -> str:
    """Fingerprint of everything but the file that decides how its lines are judged."""
    reading = [LOADER_VERSION, statements.FIND_REPEATS, statements.LAND_GOOD_LINES, statements.LAND_CODES]
    parts = [reading, week.as_row(), excluded, rules]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content_hashes(files: list[TransactionFile], ledger: dict[str, LedgerEntry]) -> dict[str, str]:
    """SHA-256 by name: of loaded files, worked out only if touched, and of files that have the size of another."""
    sizes = Counter(file.bytes for file in files)
    hashes = {}
    for file in files:
        entry = ledger.get(file.name)
        if entry and entry.is_untouched(file):
            hashes[file.name] = entry.content_hash
        elif entry or sizes[file.bytes] > 1:
            try:
                hashes[file.name] = transaction_files.content_hash(file.path)
            except OSError as error:
                raise IngestionError(f"{file.name} cannot be read ({error.strerror}): see that it may be.") from None
    return hashes


def _check_twins(hashes: dict[str, str]) -> None:
    """Check that no content lies there under two names."""
    names_by_hash = defaultdict(list)
    for name, content_hash in hashes.items():
        names_by_hash[content_hash].append(name)
    problems = [
        f"{' and '.join(names)} have the same content: keep one of them."
        for names in names_by_hash.values()
        if len(names) > 1
    ]
    if problems:
        raise IngestionError.of(problems)


def _check_weeks(files: list[TransactionFile], ledger: dict[str, LedgerEntry], weeks: list[Week]) -> None:
    """Check that every file has its own week of the calendar."""
    problems = []
    known_weeks = {week.number for week in weeks}
    names_by_week = defaultdict(list)
    for file in files:
        names_by_week[file.week_number].append(file.name)
        if file.week_number is None:
            problems.append(f"{file.name} does not say its week: name it transactions_YYYYWW.csv or .csv.gz.")
        elif file.week_number not in known_weeks:
            problems.append(
                f"{file.name}: week {file.week_number} is not in {CALENDAR_FILE}, which ends with the row "
                f"{weeks[-1].as_row()}. If the name is right, add the row of the week."
            )
    problems += [
        f"{' and '.join(names)} are both of week {week}: keep one of them."
        for week, names in names_by_week.items()
        if week is not None and len(names) > 1
    ]
    problems += [
        f"{CALENDAR_FILE} no longer has week {entry.week}, of which {entry.file_name} is loaded: put its row back."
        for entry in ledger.values()
        if entry.week not in known_weeks
    ]
    if problems:
        raise IngestionError.of(problems)


def _check_calendar(files: list[TransactionFile], ledger: dict[str, LedgerEntry], weeks: list[Week]) -> None:
    """Check that no week is left out between the first and the last, and that the calendar knows the next one."""
    present = {file.week_number for file in files} | {entry.week for entry in ledger.values()}
    positions = [position for position, week in enumerate(weeks) if week.number in present]
    missing = [week.number for week in weeks[positions[0] : positions[-1]] if week.number not in present]
    if missing:
        raise IngestionError.of(
            f"transactions_{week}.csv is missing while files before and after it are there: a gap would read as "
            "nobody bought anything. Put it there."
            for week in missing
        )
    last = weeks[positions[-1]]
    if last == weeks[-1]:
        raise IngestionError.of(
            [
                f"{CALENDAR_FILE} ends with week {last.number}, the last one that has transactions, so that the week "
                f"to recommend for is unknown. Add the row {last.following().as_row()} to {CALENDAR_FILE}."
            ]
        )


def _find_pending(
    files: list[TransactionFile],
    hashes: dict[str, str],
    ledger: dict[str, LedgerEntry],
    weeks: list[Week],
    rules_hashes: dict[int, str],
) -> list[PendingFile]:
    """Which files have to be loaded, in the order of their weeks."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    calendar = {week.number: week for week in weeks}
    pending = []
    for file in sorted(files, key=lambda file: file.week_number):
        entry = ledger.get(file.name)
        rules_hash = rules_hashes[file.week_number]
        is_known = entry is not None and entry.content_hash == hashes[file.name]
        if not (is_known and entry.rules_hash == rules_hash):
            loaded_at = entry.loaded_at if is_known else now
            pending.append(PendingFile(file, calendar[file.week_number], rules_hash, loaded_at))
    return pending


def _warn_of_old_verdicts(
    files: list[TransactionFile], ledger: dict[str, LedgerEntry], rules_hashes: dict[int, str]
) -> None:
    """Name the files that have to be judged anew and cannot be, since they are no longer in the folder."""
    present = {file.week_number for file in files}
    for entry in ledger.values():
        if entry.week not in present and entry.rules_hash != rules_hashes[entry.week]:
            logger.warning(
                "%s has vanished, and its lines are kept as they were judged, though the days of its week, the "
                "departments or categories that are excluded, or the rules for lines are others now: put it back to "
                "have them judged anew.",
                entry.file_name,
            )


def _forget(connection: duckdb.DuckDBPyConnection, week_numbers: set[int]) -> None:
    """Take out all that was loaded of some weeks, whatever the name of the file was."""
    for table in statements.LANDING_TABLES if week_numbers else ():
        connection.execute(f"delete from landing.lgsr_{table} where week in $weeks", {"weeks": sorted(week_numbers)})


def _read_batches(pending: list[PendingFile]) -> Iterator[list[tuple[PendingFile, FileContent]]]:
    """Read the files, and hand them on in batches of one layout and moderate size.

    Raises
    ------
    IngestionError
        With every file that cannot be read, after the last file.
    """
    batch: list[tuple[PendingFile, FileContent]] = []
    batch_bytes = 0
    problems = []
    for file, reading in _read_ahead(pending):
        try:
            content = reading.result()
        except IngestionError as error:
            problems.append(str(error))
        if problems:
            continue
        if batch and (content.layout != batch[0][1].layout or batch_bytes + content.lines.nbytes > BATCH_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append((file, content))
        batch_bytes += content.lines.nbytes
    if problems:
        raise IngestionError.of(problems)
    if batch:
        yield batch


def _read_ahead(pending: list[PendingFile]) -> Iterator[tuple[PendingFile, Future[FileContent]]]:
    """Read files in their order, the next ones while the database is busy with those before."""
    ahead: deque[tuple[PendingFile, Future[FileContent]]] = deque()
    with ThreadPoolExecutor(max_workers=2) as readers:
        for file in pending:
            while ahead and sum(other.file.text_bytes for other, _ in ahead) + file.file.text_bytes > BATCH_BYTES:
                yield ahead.popleft()
            ahead.append((file, readers.submit(transaction_files.read_content, file.file)))
        while ahead:
            yield ahead.popleft()


def _load_batch(
    connection: duckdb.DuckDBPyConnection,
    raw_lines: RawLines,
    batch: list[tuple[PendingFile, FileContent]],
    max_rejected_share: float,
    known_weeks: list[int],
    excluded: dict[str, list[str]],
) -> None:
    """Judge and land the lines of some files.

    Raises
    ------
    IngestionError
        If too large a share of a file is damaged, or all of it is rejected.
    """
    files = [file for file, _ in batch]
    contents = [content for _, content in batch]
    layout = contents[0].layout
    positions = dict(zip(transaction_files.COLUMNS, layout.positions, strict=True))
    parsing = {"fields": layout.fields, **positions, "file_weeks": [file.week.number for file in files]}
    judging = {
        **parsing,
        "starts_on": [file.week.starts_on for file in files],
        "ends_on": [file.week.ends_on for file in files],
        "known_weeks": known_weeks,
        **excluded,
    }
    policy_reasons = list(POLICY_REASONS)

    raw_lines.table = _as_table(contents)
    connection.execute(statements.FIND_REPEATS)
    connection.execute(statements.EMPTY_BATCH_REJECTS)
    loaded = connection.execute(statements.LAND_GOOD_LINES, judging).fetchall()[0][0]
    repeats = connection.execute("select count(*) from repeated_lines").fetchall()[0][0]
    # Most files are sound: the lines are judged a second time only if some of them were not good.
    if loaded + repeats < len(raw_lines.table):
        connection.execute(statements.FIND_REJECTED_LINES, judging)
    connection.execute(statements.LAND_CODES, parsing)

    def explain(file_index: int, other_reasons: list[str]) -> list[tuple[str, int, int, str]]:
        values = {"file_index": file_index, "other_reasons": other_reasons}
        return connection.execute(statements.EXPLAIN_REJECTS, values).fetchall()

    counting = {"files": len(batch), "policy_reasons": policy_reasons}
    outcomes = connection.execute(statements.COUNT_OUTCOMES, counting).fetchall()
    problems = []
    for file_index, rejected, damaged, duplicates in outcomes:
        # Repeats make a file no sounder, not even those of a damaged line.
        lines = len(contents[file_index].lines) - duplicates
        if damaged > max_rejected_share * lines:
            reasons = explain(file_index, policy_reasons)
            problems.append(_describe_damage(files[file_index], lines, damaged, max_rejected_share, reasons))
        elif rejected == lines:
            problems.append(_describe_emptiness(files[file_index], lines, explain(file_index, [])))
    if problems:
        raise IngestionError.of(problems)

    connection.execute(statements.LAND_REJECTED_LINES)
    for file_index, _, _, duplicates in outcomes:
        file, content = batch[file_index]
        connection.execute(
            statements.LAND_FILE,
            {
                "file_name": file.file.name,
                "week": file.week.number,
                "content_hash": content.content_hash,
                "bytes": file.file.bytes,
                "modified_ns": file.file.modified_ns,
                "rules_hash": file.rules_hash,
                "lines": len(content.lines),
                "duplicates": duplicates,
                "loaded_at": file.loaded_at,
            },
        )


def _as_table(contents: list[FileContent]) -> pa.Table:
    """Lines of a batch with their file and their number, as the SQL above knows them."""
    tables, first_row_id = [], 0
    for file_index, content in enumerate(contents):
        numbers = np.arange(len(content.lines))
        columns = {
            "file_index": np.full(len(numbers), file_index),
            "row_id": numbers + first_row_id,
            "line_number": numbers + 1,
            "line": content.lines,
            "fault": content.faults,
        }
        tables.append(pa.table(columns))
        first_row_id += len(numbers)
    return pa.concat_tables(tables)


def _describe_damage(
    file: PendingFile,
    lines: int,
    damaged: int,
    max_rejected_share: float,
    reasons: list[tuple[str, int, int, str]],
) -> str:
    """Say how much of a file is damaged, in which ways, and where to look."""
    advice = "Mend the file, or raise the var max_rejected_share."
    if reasons[0][0] == "week_of_another_file":
        advice = "Name the file after its week."
    return (
        f"{file.file.name}: {damaged} of {lines} lines are damaged, repeats left out, more than the share of "
        f"{max_rejected_share:g} that is let pass ({_list_reasons(reasons)}). {advice}"
    )


def _describe_emptiness(file: PendingFile, lines: int, reasons: list[tuple[str, int, int, str]]) -> str:
    """Say why nothing of a file is left."""
    return (
        f"{file.file.name}: all {lines} lines are rejected, repeats left out ({_list_reasons(reasons)}): it would read "
        "as nobody bought anything that week. Mend the file, or the seed excluded_departments or excluded_categories "
        "if that is the reason."
    )


def _list_reasons(reasons: list[tuple[str, int, int, str]]) -> str:
    return "; ".join(
        f"{count} {reason}, first in line {first_line}: {example[:200]!r}"
        for reason, count, first_line, example in reasons
    )


def _note_folder(connection: duckdb.DuckDBPyConnection, files: list[TransactionFile]) -> None:
    """Note which loaded files are still there, and how the quick check will know them next time."""
    listing = pa.table(
        {
            "file_name": pa.array([file.name for file in files], pa.string()),
            "modified_ns": pa.array([file.modified_ns for file in files], pa.int64()),
        }
    )
    connection.register("folder_listing", listing)
    connection.execute(statements.NOTE_TIME_OF_WRITING)
    connection.execute(statements.NOTE_PRESENCE)
    connection.unregister("folder_listing")
