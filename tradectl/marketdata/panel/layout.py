"""How the panel store looks on disk: types, widths, and the index."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.files import write_flushed
from tradectl.marketdata.reading import Mark
from tradectl.model.panel import FIELDS

FORMAT = 2
"""It rises whenever what is derived, or how, changes (the reading of purposes too)."""
INDEX, ROWS = "panel.json", "rows"
TYPES: dict[str, np.dtype[Any]] = dict(zip(FIELDS, map(np.dtype, ("<i4", "<i4", "<i4", "<i4", "<i8", "<i1", "<f8")), strict=True))
"""The type of each field's file."""
RECORD = np.dtype([("session", "<i8"), ("bars", "<u4"), ("crc", "<u4")])
"""One session in the file `rows`: its ordinal, its number of bars, the checksum of its row."""
Records = NDArray[np.void]
_STEP = 16
"""Widths are multiples of this, so that each row begins on a cache line."""


@dataclass(frozen=True)
class Index:
    """What counts of an edition: the first `sessions` rows, the columns of `instruments` among `width`. The checksums are those
    of the file `rows` as far as it counts, and of the facts."""

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
    def archive(self) -> Mark:
        """Return the archive that the store was derived from."""
        return Mark(self.generation, self.mark)


def read_index(folder: Path) -> Index:
    """Return the index of a market folder. Raises OSError without one; ValueError, KeyError or TypeError where it is damaged
    or of another format."""
    text, checksum, rest = (folder / INDEX).read_bytes().split(b"\n")
    if checksum != _checksum(text) or rest:
        raise ValueError(f"{INDEX} is damaged")
    index = Index(**json.loads(text))
    if index.format != FORMAT:
        raise ValueError(f"{INDEX} has format {index.format}")
    return index


def write_index(path: Path, index: Index) -> None:
    """Write it and flush it: one line, and its checksum on the next."""
    text = json.dumps(asdict(index), separators=(",", ":")).encode()
    write_flushed(path, b"%b\n%b\n" % (text, _checksum(text)))


def width_for(instruments: int) -> int:
    """Return columns for so many instruments and the newcomers of about a year."""
    return -(-(instruments + max(_STEP, instruments // 16)) // _STEP) * _STEP


def row_checksum(session: int, bars: int, fields: dict[str, NDArray[Any]]) -> int:
    """CRC32 of one session: its date, its count and the whole width of each field, in their order."""
    crc = zlib.crc32(np.array([session, bars], dtype="<i8").data)
    for name in FIELDS:
        crc = zlib.crc32(fields[name].data, crc)
    return crc


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)
