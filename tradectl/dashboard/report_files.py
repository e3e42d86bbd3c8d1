"""List and read the files of the folder of reports.

A name of a request is compared with the names in the folder, and never made part of a path. Only regular files are listed: no
folder, and no link, wherever it leads.
"""

from __future__ import annotations

import html
import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".md": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
    ".json": "text/plain; charset=utf-8",
}
"""The endings of reports, and the type as which a browser gets each."""
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""The policy of a page that has none of its own: plain text without styles, scripts and pictures."""
_META = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_HEAD = 4096
_DIRECTIVES = re.compile(
    r"default-src 'none'(; (script|style)-src( 'sha256-[A-Za-z0-9+/=]+')+)*; img-src data:; base-uri 'none'; form-action 'none'"
)


class ReportFile(Struct, frozen=True):
    """A file of the folder: its name, its size in bytes, and when it was written."""

    name: str
    size: int
    written: datetime


class ReportFolder(Struct, frozen=True):
    """The folder of reports. `names`: the pattern of the whole names that are shown; every other file is not."""

    path: Path
    names: re.Pattern[str]

    def files(self) -> tuple[ReportFile, ...]:
        """Return the reports, the newest first; empty without a folder."""
        return tuple(sorted(self._listed(), key=lambda file: (file.written, file.name), reverse=True))

    def _listed(self) -> Iterator[ReportFile]:
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if self._shows(entry.name) and entry.is_file(follow_symlinks=False):
                        found = entry.stat(follow_symlinks=False)
                        yield ReportFile(entry.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
        except OSError:
            return

    def _shows(self, name: str) -> bool:
        """Return whether a file of this name is a report, of a type that a browser shows."""
        return Path(name).suffix in TYPES and self.names.fullmatch(name) is not None

    def read(self, name: str) -> bytes | None:
        """Return the content of a report; None if no report has this name."""
        if name not in {file.name for file in self._listed()}:
            return None
        try:
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            finally:
                os.close(folder)
            with os.fdopen(descriptor, "rb") as file:
                return file.read() if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
        except OSError:
            return None


def policy_of(page: bytes) -> str:
    """Return the content security policy for a report's page: its own, which names the hashes of its scripts.

    The page also gets an origin of its own, so that its scripts can read nothing here. A page without such a policy, or with
    another one, runs and loads nothing.
    """
    found = _META.search(page[:_HEAD].decode(errors="replace"))
    own = html.unescape(found[1]) if found is not None else ""
    return f"{own}; frame-ancestors 'none'; sandbox allow-scripts allow-popups" if _DIRECTIVES.fullmatch(own) else CLOSED
