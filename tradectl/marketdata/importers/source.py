"""Read a file: decode its text, and parse its delimiter, header and columns. The content decides the format, never the name.

Delimiters are comma, semicolon, tab and `|`. Encodings are UTF-8 and UTF-16. Quotes, spaces around fields, a byte order mark
and the kind of line end do not matter.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from tradectl.errors import DataError
from tradectl.marketdata.importers.corporate_actions_json import actions_as_csv, are_actions
from tradectl.marketdata.importers.packed import read_bytes, unpacked
from tradectl.marketdata.importers.surveillance_json import as_csv

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LONGEST_LINE = 65_536
"""Maximum length of a line in bytes; the longest line of an NSE file has 500."""
MOST_COLUMNS = 256
MOST_EMPTY = 16
"""Maximum number of empty fields of a line beyond the header; many files end each line with a delimiter."""
DELIMITERS = ",;\t|"
SPACES = " \t\xa0\u2007\u202f\u3000"
_CONTROLS = bytes(code for code in (*range(32), 127) if code not in b"\t\n\r")
_SEPARATOR = re.compile(r"sep=([,;\t|])")
"""First line of a file from Excel that gives the delimiter."""


class SourceFile(Struct, frozen=True):
    """Represent a decoded file.

    Attributes:
        name: File name in messages.
        stem: Name without folders and extensions; for a zip, that of the file inside.
        header: Column names, stripped and in lower case.
        first: Fields of the first row.
        skipped: Number of lines before the header.
        header_lines: Number of lines of the header.
    """

    name: str
    stem: str
    text: str
    sha256: str
    header: tuple[str, ...]
    first: tuple[str, ...]
    delimiter: str = ","
    skipped: int = 0
    header_lines: int = 1

    def bad(self, row: int, complaint: str) -> DataError:
        """Return the error for a bad row. `row`: line number in the file, from 1, with the header counted."""
        return DataError(f"{self.name} row {row}: {complaint}")

    def has(self, *columns: str) -> bool:
        """Return whether the header has all these columns."""
        return set(columns) <= set(self.header)


def read_source(path: Path) -> SourceFile:
    """Read and unpack one file.

    Raises DataError for a file that is missing, damaged, empty, too large or not CSV text."""
    raw = read_bytes(path)
    packed, inner = unpacked(path.name, raw)
    text = _text(path.name, packed)
    if text.lstrip()[:1] in {"{", "["}:
        text = _table_of(path.name, stem_of(inner), text)
    found = _SEPARATOR.fullmatch(text.partition("\n")[0].strip().strip('"'))
    skipped = 1 if found else 0
    body = text.partition("\n")[2] if found else text
    delimiter = found.group(1) if found else _delimiter(body.partition("\n")[0])
    records = _beginning(path.name, body, delimiter)
    names = [_column(field) for field in records[0][0]]
    header = tuple(names[: max((at for at, field in enumerate(names, 1) if field), default=0)])
    if not header:
        raise DataError(f"{path.name}: begins with an empty line, not with the names of its columns")
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{path.name}: has {len(header)} columns, more than {MOST_COLUMNS}")
    if len(records) < 2:
        raise DataError(f"{path.name}: has one line but no rows")
    first = tuple(field.strip() for field in records[1][0])
    digest = hashlib.sha256(raw).hexdigest()
    return SourceFile(
        name=path.name,
        stem=stem_of(inner),
        text=text,
        sha256=digest,
        header=header,
        first=first,
        delimiter=delimiter,
        skipped=skipped,
        header_lines=records[0][1],
    )


def _table_of(name: str, stem: str, text: str) -> str:
    """Return a JSON report of NSE as CSV. Raises DataError for one that is not known."""
    return actions_as_csv(name, text) if are_actions(text) else as_csv(name, stem, text)


def _column(field: str) -> str:
    """Return a column name in lower case, without quotes and byte order marks, including wrongly decoded marks."""
    bare = field.replace("\ufeff", "").strip().removeprefix("ï»¿").strip('" ')
    return " ".join(bare.split()).lower()


def stem_of(name: str) -> str:
    """Return a file name without folders and extensions, as `ind_nifty50list` for `ind_nifty50list.csv.gz`.

    The ` (1)` that a browser adds to a repeated download is removed too."""
    bare = re.sub(r"(\.(csv|tsv|txt|json|gz|zip))+$", "", Path(name).name, flags=re.IGNORECASE)
    return re.sub(r"\s*\(\d+\)$", "", bare)


def _delimiter(line: str) -> str:
    """Return the delimiter that occurs most often outside quotes in a line."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=bare.count)


def _beginning(name: str, body: str, delimiter: str) -> list[tuple[list[str], int]]:
    """Return the header and the first row, each with its number of lines. Quoted column names may contain line ends."""
    reader = csv.reader(io.StringIO(body), delimiter=delimiter, skipinitialspace=True)
    records: list[tuple[list[str], int]] = []
    before = 0
    try:
        for record in reader:
            if record or not records:
                records.append((record, reader.line_num - before))
            before = reader.line_num
            if len(records) == 2:
                break
    except csv.Error as error:
        raise DataError(f"{name}: damaged CSV ({error})") from error
    return records


def _text(name: str, raw: bytes) -> str:
    start = raw[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise DataError(f"{name}: is an old Excel workbook, not CSV; save it as CSV first")
    if start[:1] == b"<":
        raise DataError(f"{name}: is a web page (HTML or XML), not CSV; the site refused the download")
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raw = _from_utf16(name, raw)
    if len(raw) != len(raw.translate(None, _CONTROLS)):
        raise _control(name, raw)
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if start[:1] not in {b"{", b"["}:
        _refuse_long_lines(name, raw)
    try:
        text = raw.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not UTF-8 text (byte {error.start}); save it as CSV UTF-8") from error
    if not text.strip():
        raise DataError(f"{name}: is empty")
    return text


def _from_utf16(name: str, raw: bytes) -> bytes:
    try:
        return raw.decode("utf-16").encode()
    except UnicodeError as error:
        raise DataError(f"{name}: is damaged UTF-16 text; save it as CSV UTF-8") from error


def _control(name: str, raw: bytes) -> DataError:
    """Return the error for the first control character. A NUL means that the file is not text."""
    at = re.search(b"[" + re.escape(_CONTROLS) + b"]", raw)
    if at is None or b"\x00" in raw:
        return DataError(f"{name}: is not text")
    return DataError(f"{name} row {raw.count(10, 0, at.start()) + 1}: has the control character {at.group(0).decode()!r}")


def _refuse_long_lines(name: str, raw: bytes) -> None:
    ends = np.flatnonzero(np.frombuffer(raw, dtype=np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1, append=len(raw))
    if int(lengths.max()) > LONGEST_LINE:
        row = int(lengths.argmax()) + 1
        raise DataError(f"{name} row {row}: has {int(lengths.max()) - 1} bytes, but a line may have at most {LONGEST_LINE}")


def read_columns(source: SourceFile, wanted: Mapping[str, str], *, names: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Return the wanted columns as stripped text, with the line number in the file as the index.

    Args:
        source: The file.
        wanted: Column name of the header in lower case -> column name of the result.
        names: The column names of a file without a header.

    Raises DataError for a column that is missing or occurs twice, and for a line with another number of fields than the header.
    Empty fields at the end of a line do not count. Also raises DataError if there are no rows.
    """
    import pandas as pd

    header = names or source.header
    for column in wanted:
        if column not in header:
            raise DataError(f"{source.name}: has no column {column!r}")
        if header.count(column) > 1:
            raise DataError(f"{source.name}: has the column {column!r} {header.count(column)} times")
    before = source.skipped + (0 if names else source.header_lines)
    width = _width(source, header, before)
    try:
        frame = pd.read_csv(
            io.StringIO(source.text),
            sep=source.delimiter,
            dtype=str,
            na_filter=False,
            skipinitialspace=True,
            header=None,
            names=list(range(width)),
            skiprows=before,
            skip_blank_lines=False,
            index_col=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{source.name}: damaged CSV ({str(error).removeprefix('Error tokenizing data. ').strip()})") from error
    frame.index = pd.RangeIndex(before + 1, len(frame) + before + 1)
    if width > len(header):
        extra = frame[frame.columns[len(header) :]].fillna("").to_numpy()
        beyond = np.array([any(field.strip() for field in row) for row in extra])
        if beyond.any():
            row = int(frame.index[int(np.argmax(beyond))])
            raise source.bad(row, f"has more fields than the header, which has {len(header)}")
    columns = {header.index(column): name for column, name in wanted.items()}
    frame = frame[list(columns)].rename(columns=columns).fillna("")
    frame = frame[(frame != "").any(axis=1)]
    if frame.empty:
        raise DataError(f"{source.name}: has a header but no rows")
    for name in frame.columns:
        joined = "".join(np.asarray(frame[name], dtype=object))
        if any(space in joined for space in SPACES):
            frame[name] = frame[name].str.strip()
    return frame


def _width(source: SourceFile, header: tuple[str, ...], before: int) -> int:
    """Return the number of fields of the longest line.

    Raises DataError for a line with too few fields, or with more than MOST_EMPTY fields beyond the header."""
    counts = _field_counts(source, before)
    least = max(place for place, name in enumerate(header) if name) + 1
    wrong = ((counts > 0) & (counts < least)) | (counts > len(header) + MOST_EMPTY)
    if wrong.any():
        lines = source.text.split("\n")[before:]
        blank = [not line.strip() for line in lines[: len(wrong)]]
        wrong = wrong & ~np.array(blank + [True] * (len(wrong) - len(blank)))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise source.bad(before + at + 1, f"has {int(counts[at])} fields, but the header has {len(header)}")
    return max(len(header), int(counts.max(initial=0)))


def _field_counts(source: SourceFile, before: int) -> NDArray[np.int64]:
    """Return the number of fields of each line after the header, 0 for an empty line.

    Raises DataError if a quoted field contains a line end."""
    if '"' not in source.text:
        found = np.frombuffer(source.text.encode(), dtype=np.uint8)
        ends = np.append(np.flatnonzero(found == ord("\n")), len(found))
        upto = np.searchsorted(np.flatnonzero(found == ord(source.delimiter)), ends)
        counts = np.diff(upto, prepend=0) + 1
        counts[np.diff(ends, prepend=-1) == 1] = 0
        return counts[before:]
    found_counts, lines = [], 0
    reader = csv.reader(io.StringIO(source.text), delimiter=source.delimiter, skipinitialspace=True)
    try:
        for record in reader:
            if reader.line_num > lines + 1 and lines >= before:
                raise source.bad(lines + 1, "a quoted field contains a line end")
            lines = reader.line_num
            if lines > before:
                found_counts.append(len(record))
    except csv.Error as error:
        raise source.bad(lines + 1, f"damaged CSV ({error})") from error
    return np.array(found_counts, dtype=np.int64)
