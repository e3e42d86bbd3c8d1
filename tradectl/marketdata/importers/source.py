"""A file as it came: its bytes unpacked, its text decoded, its header read. What it holds, its content says, never its name."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@dataclass(frozen=True)
class SourceFile:
    """`name` is what messages call it, `stem` its name without folders and endings (of the packed file, in a zip);
    `header` the fields of its first line, stripped and in lower case; `first` the fields of its second."""

    name: str
    stem: str
    text: str
    sha256: str
    header: tuple[str, ...]
    first: tuple[str, ...]

    def bad(self, row: int, complaint: str) -> DataError:
        """The one line about a bad row; `row` counts lines of the file from 1, the header included."""
        return DataError(f"{self.name} row {row}: {complaint}")


def read_source(path: Path) -> SourceFile:
    """Read and unpack one file. DataError (one line) for a file that is missing, damaged, empty or no CSV text."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read ({error.strerror or error})") from error
    packed, inner = _unpacked(path.name, raw)
    text = _text(path.name, packed)
    if text.lstrip()[:1] in {"{", "["}:
        text = _from_json(path.name, stem_of(inner), text)
    lines = text.split("\n", 2)
    if len(lines) < 2 or not lines[1].strip():
        raise DataError(f"{path.name}: has one line and no rows")
    header = tuple(field.strip().strip('"').lower() for field in lines[0].strip("\r").split(","))
    first = tuple(field.strip() for field in lines[1].strip("\r").split(","))
    return SourceFile(path.name, stem_of(inner), text, hashlib.sha256(raw).hexdigest(), header, first)


def stem_of(name: str) -> str:
    """`ind_nifty50list.csv.gz` -> `ind_nifty50list`."""
    return re.sub(r"(\.(csv|txt|json|gz|zip))+$", "", Path(name).name, flags=re.IGNORECASE)


def _unpacked(name: str, raw: bytes) -> tuple[bytes, str]:
    """The bytes inside gzip or a zip of one file, and the name that tells about them."""
    if not raw.strip():
        raise DataError(f"{name}: is empty")
    if raw[:2] == b"\x1f\x8b":
        try:
            return gzip.decompress(raw), name
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{name}: damaged gzip ({error})") from error
    if raw[:4] == b"PK\x03\x04":
        return _unzipped(name, raw)
    return raw, name


def _unzipped(name: str, raw: bytes) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = [entry for entry in archive.namelist() if not entry.endswith("/")]
            if "[Content_Types].xml" in members:
                raise DataError(f"{name}: is an Excel workbook, not CSV; save it as CSV first")
            if len(members) != 1:
                raise DataError(f"{name}: a zip of {len(members)} files; unpack it first")
            return archive.read(members[0]), members[0]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{name}: damaged zip ({error})") from error


def _from_json(name: str, stem: str, text: str) -> str:
    """Return NSE's surveillance reports as CSV text. Raises DataError for any other JSON."""
    from tradectl.marketdata.importers.surveillance_json import as_csv

    return as_csv(name, stem, text)


def _text(name: str, raw: bytes) -> str:
    start = raw[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise DataError(f"{name}: is an old Excel workbook, not CSV; save it as CSV first")
    if start[:1] == b"<":
        raise DataError(f"{name}: is a web page (HTML or XML), not CSV; the site refused the download")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not UTF-8 text (byte {error.start})") from error
    if "\x00" in text:
        raise DataError(f"{name}: is not text")
    if not text.strip():
        raise DataError(f"{name}: is empty")
    return text


def read_columns(source: SourceFile, wanted: Mapping[str, str], *, names: tuple[str, ...] | None = None) -> pd.DataFrame:
    """The wanted columns (header in lower case -> our name) as stripped text; the index is the line's number in the file.

    `names` gives the columns of a file without a header. DataError for a missing column or a line with too many fields.
    """
    import pandas as pd

    header = names or source.header
    for column in wanted:
        if column not in header:
            raise DataError(f"{source.name}: has no column {column!r}")
    width = max(len(header), len(source.first))
    if any(source.first[len(header) :]):
        raise DataError(f"{source.name} row 2: has {len(source.first)} fields, the header {len(header)}")
    try:
        frame = pd.read_csv(
            io.StringIO(source.text),
            dtype=str,
            na_filter=False,
            skipinitialspace=True,
            header=None,
            names=list(range(width)),
            skiprows=0 if names else 1,
            skip_blank_lines=False,
            index_col=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{source.name}: damaged CSV ({str(error).removeprefix('Error tokenizing data. ').strip()})") from error
    frame.index = pd.RangeIndex(1 if names else 2, len(frame) + (1 if names else 2))
    columns = {header.index(column): name for column, name in wanted.items()}
    frame = frame[list(columns)].rename(columns=columns).fillna("")
    frame = frame[(frame != "").any(axis=1)]
    if frame.empty:
        raise DataError(f"{source.name}: has a header and no rows")
    for name in frame.columns:
        frame[name] = frame[name].str.strip()
    return frame
