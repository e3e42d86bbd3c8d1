"""Write an edition: rows behind the valid ones, all flushed before the index names them.

Readers see nothing until `publish` replaces the index. The next writer overwrites rows that were never published, or deletes
them with their folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tradectl.files import flush, write_flushed
from tradectl.marketdata.panel.layout import INDEX, RECORD, ROWS, Index, row_checksum, write_index
from tradectl.marketdata.panel.rows import Derived
from tradectl.model.panel import FIELDS

EDITION = "panel-"
"""How the folder of an edition begins."""
_BUFFER = 1 << 17


@dataclass(frozen=True)
class Unpublished:
    """A complete state of the store on disk that no reader sees yet."""

    folder: Path
    index: Index
    is_new: bool
    """Whether its edition is."""

    @classmethod
    def of(cls, folder: Path, index: Index, *, is_new: bool) -> Unpublished:
        """Write the index aside: publishing it needs no more room on the disk. Raises OSError, and leaves nothing then."""
        unpublished = cls(folder, index, is_new)
        try:
            write_index(_aside(folder), index)
        except OSError:
            unpublished.drop()
            raise
        return unpublished

    def publish(self) -> None:
        """Make it the state of the store, and clear away what no index names any more. Raises OSError."""
        _aside(self.folder).replace(self.folder / INDEX)
        flush(self.folder)
        for other in self.folder.glob(f"{EDITION}*/"):
            if other.name != self.index.edition:
                forget(other)
        for facts in (self.folder / self.index.edition).glob("facts-*"):
            if facts.name != self.index.facts:
                facts.unlink(missing_ok=True)

    def drop(self) -> None:
        """Its generation was never committed: leave nothing of it that could be taken for something."""
        _aside(self.folder).unlink(missing_ok=True)
        edition = self.folder / self.index.edition
        if self.is_new:
            forget(edition)
        else:
            (edition / self.index.facts).unlink(missing_ok=True)


def new_edition(folder: Path, generation: int) -> Path:
    """Return an empty folder for an edition, under a name that no edition had before."""
    return Path(tempfile.mkdtemp(prefix=f"{EDITION}{generation}-", dir=folder))


def forget(edition: Path) -> None:
    """Take an edition away. Readers keep what they have mapped."""
    shutil.rmtree(edition, ignore_errors=True)


def write_rows(edition: Path, rows: Iterable[Derived], *, after: int, crc: int) -> tuple[int, int]:
    """Write rows behind the first `after` ones, flushed; how many there are then, and the checksum of their records, which is
    `crc` so far. Raises OSError, and whatever deriving the rows raises."""
    count = after
    with ExitStack() as opened:
        files = {name: opened.enter_context(_opened(edition / name)) for name in (ROWS, *FIELDS)}
        for number, row in enumerate(rows):
            record = np.array([(row.session, row.bars, row_checksum(row.session, row.bars, row.fields))], dtype=RECORD)
            for name, values in {ROWS: record, **row.fields}.items():
                if not number:
                    files[name].seek(after * values.nbytes)
                files[name].write(values.data)
            crc = zlib.crc32(record.data, crc)
            count += 1
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    return count, crc


def write_facts(edition: Path, name: str, content: bytes) -> int:
    """Write the facts, flushed; their checksum."""
    write_flushed(edition / name, content)
    flush(edition)
    return zlib.crc32(content)


def _opened(path: Path) -> BinaryIO:
    return path.open("r+b" if path.exists() else "xb", buffering=_BUFFER)


def _aside(folder: Path) -> Path:
    return folder / f".{INDEX}"
