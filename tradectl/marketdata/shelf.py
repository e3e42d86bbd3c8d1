"""Things that took long to make, each a file in the folder `kept` of the market, whole or absent.

A file begins with the CRC32 of its content. It is written aside and renamed over the older one; what is damaged, or cannot be
read, is not there; so nobody waits for the disk, for what a power cut took is only not there either. Nothing on the shelf is the
truth of anything, so a full disk or a folder that may not be written costs time and nothing else.
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
"""Seconds that something lies there without being put there again."""


class FolderShelf:
    """The shelf in one folder, which is made when something is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> bytes | None:
        """What was put under that name, None unless it is whole."""
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
            replace_file(self.folder / name, _checksum(content), content, mode=PRIVATE)

    def clear(self, beginning: str, but: Container[str]) -> None:
        """Take away everything whose name begins so, but for these names."""
        with suppress(OSError):
            for path in self.folder.glob(f"{beginning}*"):
                if path.name not in but:
                    path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take away what was put there four months before the newest: of settings and versions that are no more, or of a writer
        that died. Put again, it would be of use again; nobody's clock is asked."""
        with suppress(OSError):
            written = {path: path.stat().st_mtime for path in self.folder.iterdir()}
            for path, moment in written.items():
                if moment < max(written.values()) - _LIFETIME:
                    path.unlink(missing_ok=True)


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CRC, "big")
