"""A cache of results that took long to compute: one file each in the folder `kept` of the market, complete or absent.

A file begins with the CRC32 of its content. It is written aside and renamed over the older one. A damaged or unreadable file
counts as absent, so no writer waits for the disk: a power cut only empties the cache. No fact is stored here alone, so a full
disk or a read-only folder costs time and nothing else.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

_CRC = 4
"""Bytes of the checksum."""
_LIFETIME = 120 * 24 * 3600.0
"""Seconds that something lies there without being put there again."""


class FolderShelf:
    """The shelf in one folder, which is made when something is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> bytes | None:
        """Return what was put under that name, None unless it is whole."""
        try:
            with (self.folder / name).open("rb") as file:
                checksum, content = file.read(_CRC), file.read()
        except OSError:
            return None
        return content if checksum == _checksum(content) else None

    def put(self, name: str, content: bytes) -> None:
        """Put it in the place of what was there before, if the folder lets us."""
        with suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            descriptor, path = tempfile.mkstemp(prefix=f".{name}-", dir=self.folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_checksum(content))
                    file.write(content)
                Path(path).rename(self.folder / name)
            finally:
                Path(path).unlink(missing_ok=True)

    def clear(self, beginning: str, but: Container[str]) -> None:
        """Take away everything whose name begins so, but for these names."""
        with suppress(OSError):
            for path in self.folder.glob(f"{beginning}*"):
                if path.name not in but:
                    path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Delete files that are four months older than the newest: of former settings and versions, or of a writer that died.

        Ages are compared with the newest file, not with a clock."""
        with suppress(OSError):
            written = {path: path.stat().st_mtime for path in self.folder.iterdir()}
            for path, moment in written.items():
                if moment < max(written.values()) - _LIFETIME:
                    path.unlink(missing_ok=True)


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CRC, "big")
