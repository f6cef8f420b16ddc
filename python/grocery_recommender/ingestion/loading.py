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

import duckdb
import numpy as np
import pyarrow as pa

from grocery_recommender.ingestion import files as transaction_files
from grocery_recommender.ingestion.calendar import FILE_NAME as CALENDAR_FILE
from grocery_recommender.ingestion.calendar import Week, existing_folder
from grocery_recommender.ingestion.errors import IngestionError
from grocery_recommender.ingestion.files import FileContent, TransactionFile

logger = logging.getLogger(__name__)

# Raise it whenever the meaning of a loaded line changes: every file is then loaded again.
LOADER_VERSION = 1
BATCH_BYTES = 128 << 20
LINES_PER_CHUNK = 32_768
POLICY_REASONS = ("quantity_not_positive", "excluded_department")

# A week has one file, so that the week stands for the file.
LANDING = """
create schema if not exists landing;

create table if not exists landing.lgsr_files (
    file_name varchar, week integer, content_hash varchar, bytes bigint, modified_ns bigint, rules_hash varchar,
    lines bigint, duplicates bigint, is_in_folder boolean, loaded_at timestamp
);
create table if not exists landing.lgsr_lines (
    line_number bigint, basket_id varchar, customer_id varchar, product_id varchar, store_id varchar,
    basket_size varchar, basket_price_sensitivity varchar, basket_type varchar, basket_mission varchar, week integer,
    purchase_hour integer, quantity decimal(12, 3), spend decimal(12, 2), purchased_on date
);
create table if not exists landing.lgsr_rejected_lines (
    week integer, line_number bigint, raw_line varchar, reason varchar
);
create table if not exists landing.lgsr_codes (
    week integer, lines bigint,
    product_id varchar, subcategory_id varchar, category_id varchar, department_id varchar, division_id varchar,
    customer_id varchar, lifestage varchar, price_sensitivity varchar,
    store_id varchar, store_format varchar, store_region varchar
);
"""
LANDING_TABLES = ("files", "lines", "rejected_lines", "codes")

# Equal lines have equal hashes: only lines that share one are compared by their text.
FIND_REPEATS = """
create or replace temp table repeated_lines as
with

suspects as (

    select hash(line) as line_hash
    from raw_lines
    group by file_index, line_hash
    having count(*) > 1

),

ranked as (

    select
        file_index,
        row_id,
        row_number() over (partition by file_index, line order by row_id) as occurrence
    from raw_lines
    where hash(line) in (select line_hash from suspects)

)

select
    file_index,
    row_id
from ranked
where occurrence > 1
"""

# What every line of the batch says; repeats left out.
PARSED_LINES = r"""
with

-- A quoted field may hold commas and doubled quotes; the leading comma gives every field one to begin with.
split as (

    select
        file_index,
        row_id,
        line_number,
        line,
        case
            when fault is not null then fault
            when line = '' then 'empty_line'
            when contains(line, '"') and not regexp_full_match(',' || line, '(,("([^"]|"")*"|[^",]*))*')
                then 'unclosed_quote'
        end as fault,
        case
            when contains(line, '"')
                then list_transform(
                    regexp_extract_all(',' || line, ',("(?:[^"]|"")*"|[^",]*)', 1),
                    lambda field: if(starts_with(field, '"'), replace(field[2:-2], '""', '"'), field)
                )
            else string_split(line, ',')
        end as fields
    from raw_lines
    where row_id not in (select row_id from repeated_lines)

),

named as (

    select
        file_index,
        row_id,
        line_number,
        line,
        case
            when fault is not null then fault
            when len(fields) < $fields then 'too_few_fields'
            when len(fields) > $fields then 'too_many_fields'
        end as fault,
        try_cast(fields[$week] as integer) as week,
        nullif(fields[$weekday], '') as weekday_text,
        try_cast(weekday_text as integer) as weekday,
        nullif(fields[$purchase_hour], '') as purchase_hour_text,
        try_cast(purchase_hour_text as integer) as purchase_hour,
        try_cast(fields[$quantity] as decimal(12, 3)) as quantity,
        try_cast(fields[$spend] as decimal(12, 2)) as spend,
        nullif(fields[$product_id], '') as product_id,
        nullif(fields[$subcategory_id], '') as subcategory_id,
        nullif(fields[$category_id], '') as category_id,
        nullif(fields[$department_id], '') as department_id,
        nullif(fields[$division_id], '') as division_id,
        nullif(fields[$customer_id], '') as customer_id,
        nullif(fields[$price_sensitivity], '') as price_sensitivity,
        nullif(fields[$lifestage], '') as lifestage,
        nullif(fields[$basket_id], '') as basket_id,
        nullif(fields[$basket_size], '') as basket_size,
        nullif(fields[$basket_price_sensitivity], '') as basket_price_sensitivity,
        nullif(fields[$basket_type], '') as basket_type,
        nullif(fields[$basket_mission], '') as basket_mission,
        nullif(fields[$store_id], '') as store_id,
        nullif(fields[$store_format], '') as store_format,
        nullif(fields[$store_region], '') as store_region,
        fields[$purchased_on] as purchased_on_text,
        case
            when length(purchased_on_text) = 8 then cast(try_strptime(purchased_on_text, '%Y%m%d') as date)
        end as purchased_on
    from split

)
"""

# And whether it is good. What holds for a whole file comes as a list value, in the order of the batch.
JUDGED_LINES = f"""
{PARSED_LINES},

with_context as (

    select
        *,
        $file_weeks[file_index + 1] as file_week,
        week = file_week or list_contains($known_weeks, week) as is_known_week,
        -- A line of another week is rejected for that, so that only the days of the file's own week matter.
        if(is_known_week, $starts_on[file_index + 1], null) as starts_on,
        if(is_known_week, $ends_on[file_index + 1], null) as ends_on,
        if(
            list_contains(cast($excluded_departments as varchar[]), department_id), department_id, null
        ) as excluded_department_id
    from named

),

judged as (

    select
        *,
        coalesce(
            fault,
            case
                when weekday_text is not null and coalesce(weekday not between 1 and 7, true) then 'invalid_weekday'
                when purchase_hour_text is not null and coalesce(purchase_hour not between 0 and 23, true)
                    then 'invalid_hour'
                when is_known_week and week <> file_week then 'week_of_another_file'
            end,
            line_rejection_reason(
                product_id, basket_id, quantity, spend, purchased_on, starts_on, ends_on, excluded_department_id
            )
        ) as reason
    from with_context

)
"""

LAND_GOOD_LINES = f"""
insert into landing.lgsr_lines
{JUDGED_LINES}
select
    line_number, basket_id, customer_id, product_id, store_id, basket_size, basket_price_sensitivity, basket_type,
    basket_mission, week, purchase_hour, quantity, spend, purchased_on
from judged
where reason is null
"""

FIND_REJECTED_LINES = f"""
insert into batch_rejects
{JUDGED_LINES}
select file_index, row_id, file_week, line_number, line, reason
from judged
where reason is not null
"""

EMPTY_BATCH_REJECTS = """
create or replace temp table batch_rejects (
    file_index bigint, row_id bigint, week integer, line_number bigint, line varchar, reason varchar
)
"""

LAND_REJECTED_LINES = """
insert into landing.lgsr_rejected_lines
select week, line_number, line, reason
from batch_rejects
"""

LAND_FILE = """
insert into landing.lgsr_files
values (
    $file_name, $week, $content_hash, $bytes, $modified_ns, $rules_hash, $lines, $duplicates, true, $loaded_at
)
"""

# Damaged lines and duplicates of each file.
COUNT_OUTCOMES = """
select
    file_index,
    (
        select count(*)
        from batch_rejects as rejects
        where rejects.file_index = batch.file_index and rejects.reason not in $policy_reasons
    ),
    (select count(*) from repeated_lines as repeats where repeats.file_index = batch.file_index)
from range($files) as batch (file_index)
order by file_index
"""

# The codes that good lines show for each product, each customer and each store, in one pass over the lines.
LAND_CODES = f"""
insert into landing.lgsr_codes
{PARSED_LINES}
select
    $file_weeks[file_index + 1], count(*), product_id, subcategory_id, category_id, department_id, division_id, customer_id,
    lifestage, price_sensitivity, store_id, store_format, store_region
from named
where row_id not in (select row_id from batch_rejects)
group by
    grouping sets (
        (file_index, product_id, subcategory_id, category_id, department_id, division_id),
        (file_index, customer_id, lifestage, price_sensitivity),
        (file_index, store_id, store_format, store_region)
    )
having coalesce(product_id, customer_id, store_id) is not null
"""

EXPLAIN_DAMAGE = """
select
    reason,
    count(*) as lines,
    min(line_number) as first_line,
    arg_min(line, line_number) as example
from batch_rejects
where file_index = $file_index and reason not in $policy_reasons
group by reason
order by lines desc, reason
"""


@dataclass(frozen=True)
class LoadConfig:
    """What a load is told.

    Parameters
    ----------
    lgsr_path : str
        Folder of the files.
    max_rejected_share : float
        Share of a file's lines that may be damaged, 0 to 1. `POLICY_REASONS` are no damage.
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


def load_files(
    connection: duckdb.DuckDBPyConnection,
    config: LoadConfig,
    weeks: list[Week],
    excluded_departments: Iterable[str] = (),
) -> duckdb.DuckDBPyRelation:
    """Load what is new or changed in the folder, all of it or nothing.

    A file is loaded again when its content, the days of its week, the excluded departments, the rejection rules or
    `LOADER_VERSION` differ from when it was loaded. Whether its content may differ is judged by size and time of last
    writing; only when one of them differs is the file read and hashed. A file that was overwritten with as many bytes
    and the old time of writing therefore goes unnoticed until a full refresh.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Inside a transaction, which the caller commits; it must know the SQL macro `line_rejection_reason`.
    config : LoadConfig
    weeks : list of Week
        The fiscal calendar, in order.
    excluded_departments : iterable of str
        Departments whose lines are rejected.

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
    excluded = sorted(set(excluded_departments))
    connection.execute(LANDING)
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


def _rules_hash(week: Week, excluded_departments: list[str], rules: str) -> str:
    """Fingerprint of everything but the file that decides how its lines are judged."""
    parts = [LOADER_VERSION, week.as_row(), excluded_departments, rules]
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


def _forget(connection: duckdb.DuckDBPyConnection, week_numbers: set[int]) -> None:
    """Take out all that was loaded of some weeks, whatever the name of the file was."""
    for table in LANDING_TABLES if week_numbers else ():
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
            while ahead and sum(other.file.bytes for other, _ in ahead) + file.file.bytes > BATCH_BYTES:
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
    excluded_departments: list[str],
) -> None:
    """Judge and land the lines of some files.

    Raises
    ------
    IngestionError
        If too large a share of a file is damaged.
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
        "excluded_departments": excluded_departments,
    }
    policy = {"policy_reasons": list(POLICY_REASONS)}

    raw_lines.table = _as_table(contents)
    connection.execute(FIND_REPEATS)
    connection.execute(EMPTY_BATCH_REJECTS)
    loaded = connection.execute(LAND_GOOD_LINES, judging).fetchall()[0][0]
    repeats = connection.execute("select count(*) from repeated_lines").fetchall()[0][0]
    # Most files are sound: the lines are judged a second time only if some of them were not good.
    if loaded + repeats < len(raw_lines.table):
        connection.execute(FIND_REJECTED_LINES, judging)
    connection.execute(LAND_CODES, parsing)

    outcomes = connection.execute(COUNT_OUTCOMES, {"files": len(batch), **policy}).fetchall()
    problems = []
    for file_index, damaged, _ in outcomes:
        lines = len(contents[file_index].lines)
        if damaged > max_rejected_share * lines:
            reasons = connection.execute(EXPLAIN_DAMAGE, {"file_index": file_index, **policy}).fetchall()
            problems.append(_describe_damage(files[file_index], lines, damaged, max_rejected_share, reasons))
    if problems:
        raise IngestionError.of(problems)

    connection.execute(LAND_REJECTED_LINES)
    for file_index, _, duplicates in outcomes:
        file, content = batch[file_index]
        connection.execute(
            LAND_FILE,
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
    details = "; ".join(
        f"{count} {reason}, first in line {first_line}: {example[:200]!r}"
        for reason, count, first_line, example in reasons
    )
    advice = "Mend the file, or raise the var max_rejected_share."
    if reasons[0][0] == "week_of_another_file":
        advice = "Name the file after its week."
    return (
        f"{file.file.name}: {damaged} of {lines} lines are damaged, more than the share of {max_rejected_share:g} "
        f"that is let pass ({details}). {advice}"
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
    connection.execute(
        """
        update landing.lgsr_files
        set modified_ns = folder_listing.modified_ns
        from folder_listing
        where lgsr_files.file_name = folder_listing.file_name
            and lgsr_files.modified_ns <> folder_listing.modified_ns
        """
    )
    connection.execute(
        """
        update landing.lgsr_files
        set is_in_folder = not is_in_folder
        where is_in_folder <> (file_name in (select file_name from folder_listing))
        """
    )
    connection.unregister("folder_listing")
