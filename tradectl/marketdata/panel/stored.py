"""Open the panel store with its files mapped read-only.

Opening checks the checksums of the index, of the table of rows, of the facts and of the last row, which an interrupted write
would damage. `damaged` checks all rows and reads all files. A mapped file never becomes shorter, so a reader of an older state
can continue, even after its edition was deleted.
"""

from __future__ import annotations

import mmap
import zlib
from bisect import bisect_right
from contextlib import ExitStack
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.marketdata.panel.layout import RECORD, ROWS, TYPES, read_index, row_checksum
from tradectl.marketdata.reading import Generation
from tradectl.marketdata.reference_data import ReferenceData
from tradectl.model.history import History
from tradectl.model.panel import FIELDS, Panel

UNSOUND = (OSError, ValueError, KeyError, TypeError)
"""Errors of opening a store that is missing, stale, damaged or of another format."""
_ROWS_READ = 32
"""Number of rows that are read at once for a check: about a megabyte."""
_BLOCK = 8
"""Number of columns that are copied at once for histories. Neighbours share cache lines, so they cost little more than one."""


class StoredPanel:
    """Read the panel store of a market folder. Opening it raises one of UNSOUND if that fails."""

    def __init__(self, folder: Path, archive: Generation | None = None) -> None:
        """Open the store. `archive`: the required generation of the archive; None for any."""
        self.index = read_index(folder)
        if archive not in {None, self.index.archive}:
            raise ValueError("stale")
        self.path = folder / self.index.edition
        self.records = _mapped(self.path / ROWS, RECORD, self.index.sessions)
        if zlib.crc32(self.records.data) != self.index.rows_crc:
            raise ValueError(f"{ROWS} is damaged")
        shape = (self.index.sessions, self.index.width)
        self.fields = {name: _mapped(self.path / name, kind, shape[0] * shape[1]).reshape(shape) for name, kind in TYPES.items()}
        self._facts = (self.path / self.index.facts).read_bytes()
        if zlib.crc32(self._facts) != self.index.facts_crc:
            raise ValueError(f"{self.index.facts} is damaged")
        if len(self) and not self._sound(len(self) - 1):
            raise ValueError("the last row is damaged")
        self._blocks: dict[int, dict[str, NDArray[Any]]] = {}

    def __len__(self) -> int:
        return self.index.sessions

    @cached_property
    def facts(self) -> ReferenceData:
        return ReferenceData.from_json(self._facts)

    @cached_property
    def panel(self) -> Panel:
        """Return all stored bars, without copying them."""
        count = len(self.index.instruments)
        sessions = self.records["session"].astype(np.int64)
        return Panel(tuple(self.index.instruments), sessions, *(self.fields[name][:, :count] for name in FIELDS))

    @property
    def columns(self) -> dict[str, int]:
        """Return the column of each instrument that has a bar."""
        return self.panel.columns

    def bars(self) -> int:
        """Return the number of stored bars."""
        return int(self.records["bars"].sum(dtype=np.int64))

    def last_session(self, through: date | None) -> date | None:
        """Return the last session with a bar of any symbol, not later than `through`; None without one."""
        end = bisect_right(self.records["session"], through.toordinal()) if through else len(self)
        return date.fromordinal(int(self.records["session"][end - 1])) if end else None

    def history(self, instrument_id: str) -> History | None:
        """Return a read-only copy of all bars of an instrument; None without bars."""
        column = self.columns.get(instrument_id)
        if column is None:
            return None
        first = column // _BLOCK * _BLOCK
        if first not in self._blocks:
            self._blocks = {first: {name: self.fields[name][:, first : first + _BLOCK].T.copy() for name in FIELDS}}
        own = {name: values[column - first] for name, values in self._blocks[first].items()}
        ids, rows = (instrument_id,), {name: values[:, np.newaxis] for name, values in own.items()}
        history = Panel(ids, self.panel.sessions, **rows).history(instrument_id)
        for values in vars(history).values() if history else ():
            if isinstance(values, np.ndarray):
                values.setflags(write=False)
        return history

    def damaged(self) -> list[date]:
        """Return the sessions whose rows differ from their checksums.

        The files are read through a small buffer, because pages of a mapped file count as memory of this process."""
        try:
            checksums = self._checksums()
        except OSError:  # the edition was deleted, but its files are still mapped
            wrong = [i for i in range(len(self)) if not self._sound(i)]
        else:
            wrong = np.flatnonzero(self.records["crc"] != checksums).tolist()
        return [date.fromordinal(int(self.records["session"][i])) for i in wrong]

    def _checksums(self) -> NDArray[np.uint32]:
        """Return the checksum of each row, computed from the files. Raises OSError."""
        found = np.zeros(len(self), dtype=np.uint32)
        sizes = {name: kind.itemsize * self.index.width for name, kind in TYPES.items()}
        heads = np.stack([self.records["session"], self.records["bars"].astype("<i8")], axis=1)
        with ExitStack() as opened:
            files = [opened.enter_context((self.path / name).open("rb", buffering=0)) for name in sizes]
            buffers = [bytearray(size * _ROWS_READ) for size in sizes.values()]
            for begin in range(0, len(self), _ROWS_READ):
                count = min(_ROWS_READ, len(self) - begin)
                parts = []
                for file, buffer, size in zip(files, buffers, sizes.values(), strict=True):
                    part = memoryview(buffer)[: size * count]
                    if file.readinto(part) != len(part):
                        raise OSError("a file of the panel store is short")
                    parts.append((part, size))
                for i in range(count):
                    crc = zlib.crc32(heads[begin + i].data)
                    for part, size in parts:
                        crc = zlib.crc32(part[i * size : (i + 1) * size], crc)
                    found[begin + i] = crc
        return found

    def _sound(self, index: int) -> bool:
        session, bars, crc = self.records[index].tolist()
        return bool(row_checksum(session, bars, {name: values[index] for name, values in self.fields.items()}) == crc)


def _mapped(path: Path, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    """Return the first `count` items of a file, mapped read-only. Raises OSError, and ValueError if the file is shorter."""
    length = count * kind.itemsize
    with path.open("rb") as file:
        if not length:  # an empty range cannot be mapped
            return np.empty(0, dtype=kind)
        return np.frombuffer(mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ), dtype=kind, count=count)
