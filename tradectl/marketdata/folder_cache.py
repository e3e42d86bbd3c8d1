"""A cache of results that took long to compute: one file each in the folder `kept` of the market, whole or absent.

A file begins with the CRC32 of its content. It is written aside and renamed over the older one. A damaged or unreadable file
counts as absent, so no write waits for the disk: after a power cut the entry is absent too. No entry is an only copy, so a
full disk or a folder without write permission costs time and nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from tradectl.files import PRIVATE, replace_file

_CRC = 4
"""Bytes of the checksum."""
_LIFETIME = 120 * 24 * 3600.0
"""Seconds that an entry stays without being stored again."""


class FolderCache:
    """A cache in one folder, which is made at the first `put`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> bytes | None:
        """Return the content stored under a name; None unless it is whole."""
        try:
            with (self.folder / name).open("rb") as file:
                checksum, content = file.read(_CRC), file.read()
        except OSError:
            return None
        return content if checksum == _checksum(content) else None

    def put(self, name: str, content: bytes) -> None:
        """Store content under a name, in place of the older one, if the folder can be written."""
        with suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            replace_file(self.folder / name, _checksum(content), content, mode=PRIVATE)

    def clear(self, prefix: str, keep: Container[str]) -> None:
        """Remove every entry whose name begins with `prefix`, except those in `keep`."""
        with suppress(OSError):
            for path in self.folder.glob(f"{prefix}*"):
                if path.name not in keep:
                    path.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove entries that are four months older than the newest: of former settings and versions, or of a writer that died.

        File times are compared with each other only, not with a clock."""
        with suppress(OSError):
            written = {path: path.stat().st_mtime for path in self.folder.iterdir()}
            for path, moment in written.items():
                if moment < max(written.values()) - _LIFETIME:
                    path.unlink(missing_ok=True)


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CRC, "big")
