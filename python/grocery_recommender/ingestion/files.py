"""The folder of transaction files, and what must be known of a file before its lines are read.

Lines are cut out of the bytes at line feeds and at nothing else: a CSV reader hides what it swallows.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import stat
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from grocery_recommender.ingestion.errors import IngestionError

# Each column of the file format under the names it has had, most recent schema first.
COLUMNS: dict[str, tuple[str, ...]] = {
    "week": ("SHOP_WEEK",),
    "purchased_on": ("SHOP_DATE",),
    "weekday": ("SHOP_WEEKDAY",),
    "purchase_hour": ("SHOP_HOUR",),
    "quantity": ("QUANTITY",),
    "spend": ("SPEND",),
    "product_id": ("PROD_CODE",),
    "subcategory_id": ("PROD_CODE_10",),
    "category_id": ("PROD_CODE_20",),
    "department_id": ("PROD_CODE_30",),
    "division_id": ("PROD_CODE_40",),
    "customer_id": ("CUST_CODE",),
    "price_sensitivity": ("CUST_PRICE_SENSITIVITY", "SEG_1"),
    "lifestage": ("CUST_LIFESTAGE", "SEG_2"),
    "basket_id": ("BASKET_ID",),
    "basket_size": ("BASKET_SIZE",),
    "basket_price_sensitivity": ("BASKET_PRICE_SENSITIVITY",),
    "basket_type": ("BASKET_TYPE",),
    "basket_mission": ("BASKET_DOMINANT_MISSION",),
    "store_id": ("STORE_CODE",),
    "store_format": ("STORE_FORMAT",),
    "store_region": ("STORE_REGION",),
}
TRANSACTION_FILE = re.compile(r"transactions_.*\.csv(\.gz)?", re.IGNORECASE)
# How many bytes of transactions gzip writes as one.
PACKING = 10
WEEK_FILE = re.compile(r"transactions_(\d{6})\.csv(\.gz)?", re.IGNORECASE)


@dataclass(frozen=True)
class TransactionFile:
    """A transaction file as the folder lists it.

    Parameters
    ----------
    path : Path
        Where it is.
    bytes : int
        Its size.
    modified_ns : int
        When it was last written, nanoseconds since 1970.
    """

    path: Path
    bytes: int
    modified_ns: int

    @property
    def name(self) -> str:
        """Name without the folder."""
        return self.path.name

    @property
    def week_number(self) -> int | None:
        """Fiscal week that the name gives, or None when it gives none."""
        match = WEEK_FILE.fullmatch(self.name)
        return int(match[1]) if match else None

    @property
    def is_packed(self) -> bool:
        """Whether the name says that gzip wrote it."""
        return self.path.suffix.lower() == ".gz"

    @property
    def text_bytes(self) -> int:
        """Size of its text, of a packed file about."""
        return self.bytes * (PACKING if self.is_packed else 1)

    @classmethod
    def at(cls, path: Path) -> TransactionFile | None:
        """Look the file up; None when something else has the name, such as a folder."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


@dataclass(frozen=True)
class FileLayout:
    """Where a file keeps its columns.

    Parameters
    ----------
    positions : tuple of int
        For each of `COLUMNS`, its 1-based position in the file.
    fields : int
        Number of columns in the header; lines must have as many.
    """

    positions: tuple[int, ...]
    fields: int


@dataclass(frozen=True)
class FileContent:
    """A file that was read: its lines, not yet split into fields.

    Parameters
    ----------
    content_hash : str
        SHA-256 of the bytes of the file as it lies in the folder.
    layout : FileLayout
        Of its header.
    lines : pyarrow.Array of string
        One value per line of data, without its line ending. Bytes that are not UTF-8 are written as ``\\xNN``.
    faults : pyarrow.Array of string
        What is wrong with the bytes of the line: ``nul_byte``, ``invalid_encoding``, ``stray_carriage_return``; null
        for most lines.
    """

    content_hash: str
    layout: FileLayout
    lines: pa.Array
    faults: pa.Array


def list_files(folder: Path) -> tuple[list[TransactionFile], list[str]]:
    """List the transaction files of a folder by name, and the names of other files that may have been meant as such.

    Hidden files, other folders and ``time.csv`` are neither.

    Raises
    ------
    IngestionError
        If the folder cannot be listed, or one of those files cannot be looked up, such as a link to nothing, or is
        none, such as a folder with the name of a week.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise IngestionError(f"{folder} cannot be listed ({error.strerror}): see that it may be read.") from None
    files, others, problems = [], [], []
    for path in paths:
        try:
            file = TransactionFile.at(path) if "transaction" in path.name.lower() else None
        except OSError as error:
            problems.append(f"{path.name} cannot be read ({error.strerror}): see that it is there and no broken link.")
            continue
        if TRANSACTION_FILE.fullmatch(path.name):
            if file:
                files.append(file)
            else:
                problems.append(f"{path.name} is no file: put the week there as one; what lies in it is not read.")
        elif file:
            others.append(path.name)
    if problems:
        raise IngestionError.of(problems)
    return files, others


def content_hash(path: Path) -> str:
    """Return the SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_content(file: TransactionFile) -> FileContent:
    """Read a file as lines. A line is what a line feed or the end of the file ends, whatever the line holds.

    Raises
    ------
    IngestionError
        If the file is empty, truncated, not packed as its name says, changes while it is read, or its header lacks a
        column.
    """
    try:
        packed = file.path.read_bytes()
        data = gzip.decompress(packed) if file.is_packed else packed
        is_still_the_same = TransactionFile.at(file.path) == file
    except EOFError:
        raise IngestionError(f"{file.name} is a truncated gzip file: copy it again.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise IngestionError(f"{file.name} is not a sound gzip file ({error}): copy it again, or drop .gz.") from None
    except OSError as error:
        raise IngestionError(
            f"{file.name} cannot be read ({error.strerror}): see that it is there and may be read."
        ) from None
    if not is_still_the_same:
        raise IngestionError(f"{file.name} changed while it was read: wait until it is complete, then run again.")

    body_start = data.find(b"\n") + 1 or len(data)
    layout = read_layout(file.name, data[:body_start])
    if body_start == len(data):
        raise IngestionError(f"{file.name} has no lines of data: it would read as nobody bought anything that week.")
    lines, faults = _split_lines(data, body_start)
    return FileContent(hashlib.sha256(packed).hexdigest(), layout, lines, faults)


def read_layout(file_name: str, header: bytes) -> FileLayout:
    """Find the columns in a header line, whatever their order and letter case.

    Raises
    ------
    IngestionError
        If a column is missing or stands there twice.
    """
    if header.startswith(b"\x1f\x8b"):
        if file_name.lower().endswith(".gz"):
            raise IngestionError(f"{file_name} is packed with gzip twice: unpack it once.")
        raise IngestionError(f"{file_name} is packed with gzip: name it {file_name}.gz.")
    if not header.strip():
        raise IngestionError(f"{file_name} is empty: a file of no purchases would read as nobody bought anything.")
    text = header.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    if "\r" in text:
        raise IngestionError(f"{file_name} ends its lines with carriage returns alone: end them with line feeds.")
    try:
        names = [name.strip().upper() for name in next(csv.reader([text], skipinitialspace=True))]
    except csv.Error:
        names = []
    found = {column: [names.index(name) + 1 for name in known if name in names] for column, known in COLUMNS.items()}
    missing = [" or ".join(COLUMNS[column]) for column, positions in found.items() if not positions]
    if missing:
        raise IngestionError(
            f"{file_name} has no column {', '.join(missing)}; its first line is {text[:120]!r}. "
            "The first line must name the columns, separated by commas."
        )
    known_names = [name for known in COLUMNS.values() for name in known]
    doubled = [name for name in known_names if names.count(name) > 1]
    doubled += [" and ".join(COLUMNS[column]) for column, positions in found.items() if len(positions) > 1]
    if doubled:
        raise IngestionError(f"{file_name} has the column {', '.join(doubled)} twice: keep one.")
    return FileLayout(tuple(positions[0] for positions in found.values()), len(names))


def _split_lines(data: bytes, start: int) -> tuple[pa.Array, pa.Array]:
    """Cut the bytes after the header at each line feed; one by one only if there is something odd about them."""
    if not data.endswith(b"\n"):
        data += b"\n"
    ends = np.flatnonzero(np.frombuffer(data, np.uint8, offset=start) == ord("\n")) + (start + 1)
    offsets = np.concatenate(([start], ends))
    lines = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
    returns = data.count(b"\r", start)
    has_one_line_ending = returns == 0 or returns == data.count(b"\r\n", start) == len(ends)
    if has_one_line_ending and b"\0" not in data and _is_utf8(lines):
        line_ending = "\r\n" if returns else "\n"
        return pc.utf8_slice_codeunits(lines, 0, -len(line_ending)), pa.nulls(len(lines), pa.string())
    texts, faults = zip(*(_decode_line(data[first:end]) for first, end in pairwise(offsets)), strict=True)
    return pa.array(texts, pa.large_string()), pa.array(faults, pa.string())


def _is_utf8(lines: pa.Array) -> bool:
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _decode_line(line: bytes) -> tuple[str, str | None]:
    """Return the line as text without its ending, and what is wrong with its bytes."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text, fault = line.decode("utf-8"), None
    except UnicodeDecodeError:
        text, fault = line.decode("utf-8", errors="backslashreplace"), "invalid_encoding"
    if "\0" in text:
        fault = "nul_byte"
    elif "\r" in text:
        fault = "stray_carriage_return"
    return text, fault
