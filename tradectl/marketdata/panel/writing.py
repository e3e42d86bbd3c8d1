"""Write an edition of the panel store: new rows after the valid ones, flushed before the index counts them.

Readers see no change until `publish` replaces the index. The next writer overwrites unpublished rows or deletes their folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from msgspec import Struct

from tradectl.files import flush, write_flushed
from tradectl.marketdata.panel.layout import INDEX, RECORD, ROWS, Index, row_checksum, write_index
from tradectl.marketdata.panel.rows import DerivedRow
from tradectl.model.panel import FIELDS

EDITION = "panel-"
"""Prefix of the folder name of an edition."""
_BUFFER = 1 << 17


class Unpublished(Struct, frozen=True):
    """Represent a complete state of the panel store on disk that is not published yet."""

    folder: Path
    index: Index
    is_new: bool
    """Whether the edition was created with this state."""

    @classmethod
    def of(cls, folder: Path, index: Index, *, is_new: bool) -> Unpublished:
        """Write the index to a temporary file, so that publishing needs no more disk space.

        Raises OSError, after the state is deleted."""
        unpublished = cls(folder, index, is_new)
        try:
            write_index(_aside(folder), index)
        except OSError:
            unpublished.drop()
            raise
        return unpublished

    def publish(self) -> None:
        """Replace the index of the store with this state, and delete other editions and old facts. Raises OSError."""
        _aside(self.folder).replace(self.folder / INDEX)
        flush(self.folder)
        for other in self.folder.glob(f"{EDITION}*/"):
            if other.name != self.index.edition:
                forget(other)
        for facts in (self.folder / self.index.edition).glob("facts-*"):
            if facts.name != self.index.facts:
                facts.unlink(missing_ok=True)

    def drop(self) -> None:
        """Delete the files of this state, because its generation was not committed."""
        _aside(self.folder).unlink(missing_ok=True)
        edition = self.folder / self.index.edition
        if self.is_new:
            forget(edition)
        else:
            (edition / self.index.facts).unlink(missing_ok=True)


def new_edition(folder: Path, generation: int) -> Path:
    """Create an empty folder with a new name for an edition, and return its path."""
    return Path(tempfile.mkdtemp(prefix=f"{EDITION}{generation}-", dir=folder))


def forget(edition: Path) -> None:
    """Delete an edition. Readers keep the files that they have mapped."""
    shutil.rmtree(edition, ignore_errors=True)


def write_rows(edition: Path, rows: Iterable[DerivedRow], *, after: int, crc: int) -> tuple[int, int]:
    """Write and flush rows after the first `after` rows. Return the new number of rows and the checksum of their records.

    `crc`: checksum of the records so far. Raises OSError and the errors of the iterator `rows`."""
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
    """Write and flush the reference data. Return their checksum. Raises OSError."""
    write_flushed(edition / name, content)
    flush(edition)
    return zlib.crc32(content)


def _opened(path: Path) -> BinaryIO:
    return path.open("r+b" if path.exists() else "xb", buffering=_BUFFER)


def _aside(folder: Path) -> Path:
    """Return the path of the index that is not published yet."""
    return folder / f".{INDEX}"
