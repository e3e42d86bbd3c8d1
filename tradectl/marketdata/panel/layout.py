"""Define the files of the panel store: types, widths, checksums and the index."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict
from numpy.typing import NDArray

from tradectl.files import write_flushed
from tradectl.marketdata.reading import Generation
from tradectl.model.panel import FIELDS

FORMAT = 2
"""Version of the derivation. Raise it when the files, or the parsing of corporate actions, change."""
INDEX, ROWS = "panel.json", "rows"
TYPES: dict[str, np.dtype[Any]] = dict(zip(FIELDS, map(np.dtype, ("<i4", "<i4", "<i4", "<i4", "<i8", "<i1", "<f8")), strict=True))
"""The type of each field's file."""
RECORD = np.dtype([("session", "<i8"), ("bars", "<u4"), ("crc", "<u4")])
"""One session in the file `rows`: its ordinal, its number of bars, and the checksum of its row."""
Records = NDArray[np.void]
_STEP = 16
"""The width is a multiple of this, so that each row begins on a cache line."""


class Index(Struct, frozen=True):
    """Describe the valid part of an edition.

    Attributes:
        edition: Name of the folder.
        generation: Generation of the archive, with its random `mark`.
        sessions: Number of valid rows.
        width: Number of columns, of which the first are those of `instruments`.
        rows_crc: Checksum of the valid part of the file `rows`.
        facts: Name of the file with the reference data, whose checksum is `facts_crc`.
    """

    edition: str
    generation: int
    mark: int
    sessions: int
    width: int
    instruments: list[str]
    rows_crc: int
    facts: str
    facts_crc: int
    format: int = FORMAT

    @property
    def archive(self) -> Generation:
        """Return the generation of the archive from which the store was derived."""
        return Generation(self.generation, self.mark)


def read_index(folder: Path) -> Index:
    """Return the index of a market folder.

    Raises OSError without an index, and ValueError, KeyError or TypeError if it is damaged or of another format."""
    text, checksum, rest = (folder / INDEX).read_bytes().split(b"\n")
    if checksum != _checksum(text) or rest:
        raise ValueError(f"{INDEX} is damaged")
    index = Index(**json.loads(text))
    if index.format != FORMAT:
        raise ValueError(f"{INDEX} has format {index.format}")
    return index


def write_index(path: Path, index: Index) -> None:
    """Write and flush an index: one line of JSON, and its checksum on the next line. Raises OSError."""
    text = json.dumps(asdict(index), separators=(",", ":")).encode()
    write_flushed(path, b"%b\n%b\n" % (text, _checksum(text)))


def width_for(instruments: int) -> int:
    """Return the number of columns for a number of instruments, with spare columns for about a year of new listings."""
    return -(-(instruments + max(_STEP, instruments // 16)) // _STEP) * _STEP


def row_checksum(session: int, bars: int, fields: dict[str, NDArray[Any]]) -> int:
    """Return the CRC32 of one row: its session ordinal, its number of bars, and all columns of each field in order."""
    crc = zlib.crc32(np.array([session, bars], dtype="<i8").data)
    for name in FIELDS:
        crc = zlib.crc32(fields[name].data, crc)
    return crc


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
