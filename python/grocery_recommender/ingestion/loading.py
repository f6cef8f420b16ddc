"""Bringing new and changed transaction files into the landing tables.

The landing tables are what is remembered of files between runs: good lines, rejected lines, one row per file, and per
file the codes seen of products, customers and stores (so that the dimensions need not read all lines again).

Every file takes the same way. The database reads it as *lines*, not as CSV: a line keeps its number and its text, and
no quote or NUL byte can swallow the next one. The count of lines is compared with the count of bytes made outside the
parser; a file that does not agree, or that `files.examine` found odd, is handed over line by line instead. Fields are
then split, cast and judged in SQL. File names reach the database as bound values, never as SQL.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import duckdb
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
LINES_PER_CHUNK = 50_000
POLICY_REASONS = ("quantity_not_positive", "excluded_department")

LANDING = """
create schema if not exists landing;

create table if not exists landing.lgsr_files (
    file_name varchar, week integer, content_hash varchar, bytes bigint, modified_ns bigint, rules_hash varchar,
    lines bigint, loaded bigint, rejected bigint, damaged bigint, duplicates bigint, is_in_folder boolean,
    loaded_at timestamp
);
create table if not exists landing.lgsr_lines (
    file_name varchar, line_number bigint, basket_id varchar, customer_id varchar, product_id varchar,
    store_id varchar, basket_size varchar, basket_price_sensitivity varchar, basket_type varchar,
    basket_mission varchar, week integer, purchase_hour integer, quantity decimal(12, 3), spend decimal(12, 2),
    purchased_on date
);
create table if not exists landing.lgsr_rejected_lines (
    file_name varchar, line_number bigint, raw_line varchar, reason varchar
);
create table if not exists landing.lgsr_product_codes (
    file_name varchar, week integer, product_id varchar, subcategory_id varchar, category_id varchar,
    department_id varchar, division_id varchar, lines bigint
);
create table if not exists landing.lgsr_customer_codes (
    file_name varchar, week integer, customer_id varchar, lifestage varchar, price_sensitivity varchar, lines bigint
);
create table if not exists landing.lgsr_store_codes (
    file_name varchar, week integer, store_id varchar, store_format varchar, store_region varchar, lines bigint
);
"""
LANDING_TABLES = ("files", "lines", "rejected_lines", "product_codes", "customer_codes", "store_codes")

# The delimiter is a byte that plain files do not have, so that a row is a line. A list that names one file is still
# matched as a pattern: `_literal` takes the meaning out of its wildcards.
READ_LINES = """
insert into raw_lines
select file_index, line, null
from read_csv(
    $paths, columns = {'line': 'VARCHAR'}, header = true, auto_detect = false,
    delim = chr(0), quote = '', escape = '', comment = ''
)
"""

# Equal lines have equal hashes: only lines that share one are compared by their text.
FIND_REPEATS = """
create or replace temp table repeated_lines as
with

suspects as (

    select
        file_index,
        hash(line) as line_hash
    from raw_lines
    group by file_index, line_hash
    having count(*) > 1

),

ranked as (

    select
        raw_lines.file_index,
        raw_lines.rowid as row_id,
        row_number() over (partition by raw_lines.file_index, raw_lines.line order by raw_lines.rowid) as occurrence
    from raw_lines
    inner join suspects
        on raw_lines.file_index = suspects.file_index and hash(raw_lines.line) = suspects.line_hash

)

select
    file_index,
    row_id
from ranked
where occurrence > 1
"""

PARSE_LINES = r"""
create or replace temp table parsed_lines as
with

file_starts as (

    select
        file_index,
        min(rowid) as first_row_id
    from raw_lines
    group by file_index

),

-- A quoted field may hold commas and doubled quotes; the leading comma gives every field one to begin with.
split as (

    select
        file_index,
        rowid as row_id,
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
                    lambda field:
                        if(starts_with(field, '"'), replace(field[2:-2], '""', '"'), field)
                )
            else string_split(line, ',')
        end as fields
    from raw_lines
    where rowid not in (select row_id from repeated_lines)

),

named as (

    select
        file_index,
        row_id,
        line,
        case
            when fault is not null then fault
            when len(fields) < $fields then 'too_few_fields'
            when len(fields) > $fields then 'too_many_fields'
        end as fault,
        try_cast(fields[$week] as integer) as week,
        fields[$purchased_on] as purchased_on_text,
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
        case
            when length(purchased_on_text) = 8 then cast(try_strptime(purchased_on_text, '%Y%m%d') as date)
        end as purchased_on
    from split

),

judged as (

    select
        named.* exclude (purchased_on_text, weekday_text, purchase_hour_text),
        named.row_id - file_starts.first_row_id + 1 as line_number,
        batch_files.file_name,
        coalesce(
            named.fault,
            case
                when weekday_text is not null and coalesce(weekday not between 1 and 7, true) then 'invalid_weekday'
                when purchase_hour_text is not null and coalesce(purchase_hour not between 0 and 23, true)
                    then 'invalid_hour'
                when fiscal_weeks.week <> batch_files.week then 'week_of_another_file'
            end,
            line_rejection_reason(
                named.product_id, named.basket_id, named.quantity, named.spend, named.purchased_on,
                fiscal_weeks.starts_on, fiscal_weeks.ends_on, excluded_department_ids.department_id
            )
        ) as reason
    from named
    inner join file_starts using (file_index)
    inner join batch_files using (file_index)
    left join fiscal_weeks on named.week = fiscal_weeks.week
    left join excluded_department_ids on named.department_id = excluded_department_ids.department_id

)

select
    * exclude (line),
    case when reason is not null then line end as raw_line
from judged
"""

LAND = [
    """
    insert into landing.lgsr_lines by name
    select
        file_name, line_number, basket_id, customer_id, product_id, store_id, basket_size, basket_price_sensitivity,
        basket_type, basket_mission, week, purchase_hour, quantity, spend, purchased_on
    from parsed_lines
    where reason is null
    """,
    """
    insert into landing.lgsr_rejected_lines by name
    select file_name, line_number, raw_line, reason
    from parsed_lines
    where reason is not null
    """,
    """
    insert into landing.lgsr_product_codes by name
    select
        file_name, week, product_id, subcategory_id, category_id, department_id, division_id, count(*) as lines
    from parsed_lines
    where reason is null
    group by all
    """,
    """
    insert into landing.lgsr_customer_codes by name
    select file_name, week, customer_id, lifestage, price_sensitivity, count(*) as lines
    from parsed_lines
    where reason is null and customer_id is not null
    group by all
    """,
    """
    insert into landing.lgsr_store_codes by name
    select file_name, week, store_id, store_format, store_region, count(*) as lines
    from parsed_lines
    where reason is null and store_id is not null
    group by all
    """,
]

COUNT_OUTCOMES = """
with

duplicates as (

    select file_index, count(*) as duplicates from repeated_lines group by file_index

)

select
    parsed_lines.file_index,
    count_if(reason is null),
    count_if(reason is not null),
    count_if(reason is not null and reason not in $policy_reasons),
    coalesce(any_value(duplicates.duplicates), 0)
from parsed_lines
left join duplicates using (file_index)
group by parsed_lines.file_index
order by parsed_lines.file_index
"""

EXPLAIN_DAMAGE = """
select
    reason,
    count(*) as lines,
    min(line_number) as first_line,
    arg_min(raw_line, line_number) as example
from parsed_lines
where file_index = $file_index and reason is not null and reason not in $policy_reasons
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


@dataclass(frozen=True)
class PendingFile:
    """A file to be loaded, and since when its content is known."""

    file: TransactionFile
    week: Week
    content_hash: str
    rules_hash: str
    content: FileContent
    loaded_at: datetime.datetime


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
        Before anything is replaced, with all files that cannot be loaded, and why.
    RuntimeError
        If the connection is not inside a transaction, or lacks the macro.
    """
    if _transaction_id(connection) != _transaction_id(connection):
        raise RuntimeError("load_files needs a transaction around it: begin one, and commit it afterwards.")
    excluded = sorted(set(excluded_departments))
    folder = existing_folder(config.lgsr_path)
    connection.execute(LANDING)
    ledger = _read_ledger(connection)
    files, others = transaction_files.list_files(folder)
    for name in others:
        logger.warning("%s is not loaded: transaction files are named transactions_YYYYWW.csv or .csv.gz.", name)
    if not files and not ledger:
        raise IngestionError(f"{folder} holds no transaction files: put transactions_YYYYWW.csv there.")

    rules = _rejection_rules(connection)
    rules_hashes = {week.number: _rules_hash(week, excluded, rules) for week in weeks}
    hashes = _content_hashes(files, ledger)
    _check_names(files, hashes, ledger, weeks)
    pending = _examine_pending(files, hashes, ledger, weeks, rules_hashes)
    _forget(connection, replaced={file.file.name for file in pending} | _superseded(files, ledger))
    _set_up(connection, weeks, excluded)
    for batch in _batches(pending):
        _load_batch(connection, batch, config.max_rejected_share)
    _note_folder(connection, files)
    _clean_up(connection)
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
    """SHA-256 of each file by name; remembered where size and time of writing are as they were."""
    hashes = {}
    for file in files:
        entry = ledger.get(file.name)
        is_untouched = entry and (entry.bytes, entry.modified_ns) == (file.bytes, file.modified_ns)
        try:
            hashes[file.name] = entry.content_hash if is_untouched else transaction_files.content_hash(file.path)
        except OSError as error:
            raise IngestionError(f"{file.name} cannot be read ({error.strerror}): see that it may be read.") from None
    return hashes


def _check_names(
    files: list[TransactionFile], hashes: dict[str, str], ledger: dict[str, LedgerEntry], weeks: list[Week]
) -> None:
    """Check that each week has one file, each file one week, and that no week is left out."""
    problems = []
    for _, twins in groupby(sorted(files, key=lambda file: hashes[file.name]), key=lambda file: hashes[file.name]):
        names = [file.name for file in twins]
        if len(names) > 1:
            problems.append(f"{' and '.join(names)} have the same content: keep one of them.")
    if problems:
        raise IngestionError.of(problems)

    known_weeks = {week.number: position for position, week in enumerate(weeks)}
    for file in files:
        if file.week_number is None:
            problems.append(f"{file.name} does not say its week: name it transactions_YYYYWW.csv or .csv.gz.")
        elif file.week_number not in known_weeks:
            problems.append(
                f"{file.name}: week {file.week_number} is not in {CALENDAR_FILE}. If the name is right, add the row of "
                f"the week; {CALENDAR_FILE} ends with {weeks[-1].as_row()}."
            )
    by_week = sorted(files, key=lambda file: file.week_number or 0)
    for week_number, rivals in groupby(by_week, key=lambda file: file.week_number):
        names = [file.name for file in rivals]
        if week_number is not None and len(names) > 1:
            problems.append(f"{' and '.join(names)} are both of week {week_number}: keep one of them.")
    lost = sorted({entry.week for entry in ledger.values()} - known_weeks.keys())
    if lost:
        problems.append(f"{CALENDAR_FILE} no longer has the weeks {lost}, which are loaded: put their rows back.")
    if problems:
        raise IngestionError.of(problems)

    present = {file.week_number for file in files} | {entry.week for entry in ledger.values()}
    first, last = (position for position in _ends(sorted(known_weeks[number] for number in present)))
    missing = [week.number for week in weeks[first:last] if week.number not in present]
    if missing:
        names = ", ".join(f"transactions_{number}.csv" for number in missing)
        raise IngestionError.of(
            [f"{names} missing: weeks before and after are there, and a gap would read as nobody bought anything."]
        )
    if last == len(weeks) - 1:
        raise IngestionError.of(
            [
                f"{CALENDAR_FILE} ends with week {weeks[last].number}, the last that has transactions, so that the week to "
                f"recommend for is unknown. Add the row {weeks[last].following().as_row()} to {CALENDAR_FILE}."
            ]
        )


def _ends(values: list[int]) -> tuple[int, int]:
    return values[0], values[-1]


def _examine_pending(
    files: list[TransactionFile],
    hashes: dict[str, str],
    ledger: dict[str, LedgerEntry],
    weeks: list[Week],
    rules_hashes: dict[int, str],
) -> list[PendingFile]:
    """Read the bytes of each file that has to be loaded, in the order of weeks; report all that cannot be."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)
    calendar = {week.number: week for week in weeks}
    pending, problems = [], []
    for file in sorted(files, key=lambda file: file.week_number):
        entry = ledger.get(file.name)
        content_hash, rules_hash = hashes[file.name], rules_hashes[file.week_number]
        is_same_content = entry is not None and entry.content_hash == content_hash
        if is_same_content and entry.rules_hash == rules_hash:
            continue
        try:
            content = transaction_files.examine(file.path)
        except IngestionError as error:
            problems.append(str(error))
            continue
        loaded_at = entry.loaded_at if is_same_content else now
        pending.append(
            PendingFile(file, calendar[file.week_number], content_hash, rules_hash, content, loaded_at)
        )
    if problems:
        raise IngestionError.of(problems)
    return pending


def _superseded(files: list[TransactionFile], ledger: dict[str, LedgerEntry]) -> set[str]:
    """Loaded files that have gone while their week came back under another name (packed, for example)."""
    present = {file.name for file in files}
    weeks = {file.week_number for file in files}
    return {name for name, entry in ledger.items() if name not in present and entry.week in weeks}


def _forget(connection: duckdb.DuckDBPyConnection, replaced: set[str]) -> None:
    """Take out all that was loaded from the files."""
    if replaced:
        for table in LANDING_TABLES:
            connection.execute(
                f"delete from landing.lgsr_{table} where file_name in (select unnest($names))",
                {"names": sorted(replaced)},
            )


def _set_up(connection: duckdb.DuckDBPyConnection, weeks: list[Week], excluded_departments: list[str]) -> None:
    """Hand the calendar and the excluded departments to the database."""
    calendar = pa.table(
        {
            "week": pa.array([week.number for week in weeks], pa.int32()),
            "starts_on": [week.starts_on for week in weeks],
            "ends_on": [week.ends_on for week in weeks],
        }
    )
    excluded = pa.table({"department_id": pa.array(excluded_departments, pa.string())})
    _create_from_arrow(connection, "fiscal_weeks", calendar)
    _create_from_arrow(connection, "excluded_department_ids", excluded)


def _create_from_arrow(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("arrow_rows", table)
    connection.execute(f"create or replace temp table {name} as select * from arrow_rows")
    connection.unregister("arrow_rows")


def _batches(pending: list[PendingFile]) -> Iterator[list[PendingFile]]:
    """Group files that can be read together: alike, and together of moderate size. Odd files come one by one."""
    batch: list[PendingFile] = []
    for file in pending:
        is_alike = batch and file.content.is_plain and batch[0].content.is_plain
        is_alike = is_alike and file.content.layout == batch[0].content.layout
        if batch and not (is_alike and sum(other.file.bytes for other in batch) + file.file.bytes <= BATCH_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _load_batch(
    connection: duckdb.DuckDBPyConnection, batch: list[PendingFile], max_rejected_share: float
) -> None:
    """Read, judge and land some files.

    Raises
    ------
    IngestionError
        If too large a share of a file is damaged, or a file changed while it was read.
    """
    _read_batch(connection, batch)
    batch_files = pa.table(
        {
            "file_index": pa.array(range(len(batch)), pa.int64()),
            "file_name": [file.file.name for file in batch],
            "week": pa.array([file.week.number for file in batch], pa.int32()),
        }
    )
    _create_from_arrow(connection, "batch_files", batch_files)
    connection.execute(FIND_REPEATS)
    layout = batch[0].content.layout
    columns = dict(zip(transaction_files.COLUMNS, layout.positions, strict=True))
    connection.execute(PARSE_LINES, {"fields": layout.fields, **columns})

    outcomes = connection.execute(COUNT_OUTCOMES, {"policy_reasons": list(POLICY_REASONS)}).fetchall()
    problems = []
    for file, (file_index, _, _, damaged, _) in zip(batch, outcomes, strict=True):
        if damaged > max_rejected_share * file.content.lines:
            problems.append(_describe_damage(connection, file, file_index, damaged, max_rejected_share))
        if TransactionFile.at(file.file.path) != file.file:
            problems.append(f"{file.file.name} changed while it was read: wait until it is complete, then run again.")
    if problems:
        raise IngestionError.of(problems)

    for statement in LAND:
        connection.execute(statement)
    for file, (_, loaded, rejected, damaged, duplicates) in zip(batch, outcomes, strict=True):
        connection.execute(
            "insert into landing.lgsr_files values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, true, ?)",
            [
                file.file.name,
                file.week.number,
                file.content_hash,
                file.file.bytes,
                file.file.modified_ns,
                file.rules_hash,
                file.content.lines,
                loaded,
                rejected,
                damaged,
                duplicates,
                file.loaded_at,
            ],
        )


def _read_batch(connection: duckdb.DuckDBPyConnection, batch: list[PendingFile]) -> None:
    """Fill the temporary table raw_lines, a file's lines one after the other and in their order."""
    counts = [(index, file.content.lines) for index, file in enumerate(batch)]
    if all(file.content.is_plain for file in batch):
        _start_raw_lines(connection)
        ordered = connection.execute("select current_setting('preserve_insertion_order')").fetchall()[0][0]
        connection.execute("set preserve_insertion_order = true")
        connection.execute(READ_LINES, {"paths": [_literal(file.file.path) for file in batch]})
        connection.execute(f"set preserve_insertion_order = {'true' if ordered else 'false'}")
        if _raw_line_counts(connection) == counts:
            return
    # A reader that counts other lines than there are (it skips empty ones) is not to be believed.
    _start_raw_lines(connection)
    for index, file in enumerate(batch):
        lines_and_faults = transaction_files.read_lines(file.file.path)
        while chunk := list(islice(lines_and_faults, LINES_PER_CHUNK)):
            lines, faults = zip(*chunk, strict=True)
            connection.register(
                "arrow_rows", pa.table({"line": pa.array(lines, pa.string()), "fault": pa.array(faults, pa.string())})
            )
            connection.execute("insert into raw_lines select $index, line, fault from arrow_rows", {"index": index})
            connection.unregister("arrow_rows")
    if _raw_line_counts(connection) != counts:
        names = ", ".join(file.file.name for file in batch)
        raise IngestionError.of([f"{names} changed while being read: wait until complete, then run again."])


def _start_raw_lines(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create or replace temp table raw_lines (file_index bigint, line varchar, fault varchar)")


def _raw_line_counts(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """Lines of each file, provided that they stand together; otherwise nothing that could be right."""
    return connection.execute(
        """
        select file_index, if(max(rowid) - min(rowid) + 1 = count(*), count(*), -1)
        from raw_lines
        group by file_index
        order by file_index
        """
    ).fetchall()


def _literal(path: Path) -> str:
    """Write a path so that the database's pattern matching finds that path only."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))


def _describe_damage(
    connection: duckdb.DuckDBPyConnection,
    file: PendingFile,
    file_index: int,
    damaged: int,
    max_rejected_share: float,
) -> str:
    """Say how much of a file is damaged, in which ways, and where to look."""
    reasons = connection.execute(
        EXPLAIN_DAMAGE, {"file_index": file_index, "policy_reasons": list(POLICY_REASONS)}
    ).fetchall()
    details = "; ".join(
        f"{lines} {reason}, first in line {first_line}: {example[:200]!r}"
        for reason, lines, first_line, example in reasons
    )
    advice = "Mend the file, or raise the var max_rejected_share."
    if reasons[0][0] == "week_of_another_file":
        advice = "Name the file after its week."
    return (
        f"{file.file.name}: {damaged} of {file.content.lines} lines are damaged, more than the share of "
        f"{max_rejected_share:g} that is let pass ({details}). {advice}"
    )


def _note_folder(connection: duckdb.DuckDBPyConnection, files: list[TransactionFile]) -> None:
    """Note which loaded files are still there, and how the quick check will know them next time."""
    listing = pa.table(
        {
            "file_name": pa.array([file.name for file in files], pa.string()),
            "modified_ns": pa.array([file.modified_ns for file in files], pa.int64()),
        }
    )
    _create_from_arrow(connection, "folder_listing", listing)
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


def _clean_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Free the memory of the temporary tables."""
    for table in (
        "raw_lines",
        "repeated_lines",
        "parsed_lines",
        "batch_files",
        "fiscal_weeks",
        "excluded_department_ids",
        "folder_listing",
    ):
        connection.execute(f"drop table if exists {table}")
