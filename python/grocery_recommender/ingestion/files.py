"""The folder of transaction files, and what must be known of a file before its lines are read.

Nothing here trusts a CSV reader: lines are counted as bytes, because a reader hides what it swallows.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

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
WEEK_FILE = re.compile(r"transactions_(\d{6})\.csv(\.gz)?", re.IGNORECASE)
CHUNK_BYTES = 1 << 20


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

    @classmethod
    def at(cls, path: Path) -> TransactionFile:
        """Look the file up."""
        status = path.stat()
        return cls(path, status.st_size, status.st_mtime_ns)


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
    """What the bytes of a file say before anything is parsed.

    Parameters
    ----------
    layout : FileLayout
        Of its header.
    lines : int
        Lines of data, each ended by a line feed or by the end of the file.
    is_plain : bool
        True if every line is valid UTF-8 with the same line ending, free of NUL bytes and of moderate length, so that
        the database can split the lines itself.
    """

    layout: FileLayout
    lines: int
    is_plain: bool


def list_files(folder: Path) -> tuple[list[TransactionFile], list[str]]:
    """List the transaction files of a folder by name, and the names of other files that may have been meant as such.

    Hidden files, folders and ``time.csv`` are neither.
    """
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    files = [TransactionFile.at(path) for path in paths if TRANSACTION_FILE.fullmatch(path.name)]
    others = [path.name for path in paths if "transaction" in path.name.lower() and not TRANSACTION_FILE.fullmatch(path.name)]
    return files, others


def content_hash(path: Path) -> str:
    """Return the SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_lines(path: Path) -> BinaryIO:
    """Open the file as bytes, unpacked if its name ends in ``.gz``."""
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def examine(path: Path) -> FileContent:
    """Check the header and count the lines, in one pass over the bytes.

    Raises
    ------
    IngestionError
        If the file is empty, truncated, not packed as its name says, or its header lacks a column.
    """
    try:
        with open_lines(path) as file:
            header = file.readline(CHUNK_BYTES)
            layout = read_layout(path.name, header)
            return _count_lines(path.name, layout, header, file)
    except EOFError:
        raise IngestionError(f"{path.name} is a truncated gzip file: copy it again.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise IngestionError(f"{path.name} is not a sound gzip file ({error}): copy it again, or drop .gz.") from None
    except OSError as error:
        raise IngestionError(f"{path.name} cannot be read ({error.strerror}): see that it exists and may be read.") from None


def read_layout(file_name: str, header: bytes) -> FileLayout:
    """Find the columns in a header line, whatever their order and letter case.

    Raises
    ------
    IngestionError
        If a column is missing or stands there twice.
    """
    if header.startswith(b"\x1f\x8b"):
        raise IngestionError(f"{file_name} is packed with gzip: name it {file_name}.gz.")
    if not header.strip():
        raise IngestionError(f"{file_name} is empty: a file of no purchases would read as nobody bought anything.")
    text = header.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    if "\r" in text:
        raise IngestionError(f"{file_name} ends its lines with carriage returns alone: end them with line feeds.")
    names = [name.strip().strip('"').strip().upper() for name in text.split(",")]
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


def read_lines(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the lines of data one by one, exactly, each with the fault of its bytes.

    Yields
    ------
    line : str
        Without its line ending; bytes that are not UTF-8 are written as ``\\xNN``.
    fault : {None, "nul_byte", "invalid_encoding", "stray_carriage_return"}
    """
    with open_lines(path) as file:
        file.readline()
        for line in file:
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            try:
                text, fault = line.decode("utf-8"), None
            except UnicodeDecodeError:
                text, fault = line.decode("utf-8", errors="backslashreplace"), "invalid_encoding"
            if b"\0" in line:
                fault = "nul_byte"
            elif b"\r" in line:
                fault = "stray_carriage_return"
            yield text, fault


def _count_lines(file_name: str, layout: FileLayout, header: bytes, file: BinaryIO) -> FileContent:
    """Read the rest of the file in chunks and count what decides how it can be read."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    feeds = returns = pairs = 0
    is_plain = True
    last = b"\n"
    while chunk := file.read(CHUNK_BYTES):
        chunk_feeds = chunk.count(b"\n")
        feeds += chunk_feeds
        returns += chunk.count(b"\r")
        pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk.startswith(b"\n"))
        last = chunk[-1:]
        if b"\0" in chunk or (chunk_feeds == 0 and len(chunk) == CHUNK_BYTES):
            is_plain = False
        if is_plain and not (chunk.isascii() and not decoder.getstate()[0]):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_plain = False
    lines = feeds + (last != b"\n")
    if lines == 0:
        raise IngestionError(f"{file_name} has no lines of data: it would read as nobody bought anything that week.")
    has_one_line_ending = returns == pairs == (feeds if header.endswith(b"\r\n") else 0)
    is_plain = is_plain and not decoder.getstate()[0] and has_one_line_ending
    return FileContent(layout, lines, is_plain)
