"""Fetch NSE's surveillance lists: the indicator file of each session, REG1_IND, or REG_IND if there is no other.

The file has no date. For a holiday, NSE serves another day's file, so only sessions are requested.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from tradectl.errors import DataError
from tradectl.exchange.sessions import Session
from tradectl.execution.session_close import is_final
from tradectl.marketdata.archive import database_errors
from tradectl.marketdata.importers import surveillance
from tradectl.marketdata.importers.registry import importer_for
from tradectl.marketdata.importers.source import read_source
from tradectl.marketdata.reading import read_archive
from tradectl.marketdata.schema import ARCHIVE
from tradectl.marketdata.sources.download import Downloader
from tradectl.marketdata.sources.port import Absent, Delivery, Part

NAMES = ("REG1_IND", "REG_IND")
BEGIN = timedelta(days=7)
"""How far back the first fetch begins by default. A list is in force until the next one, so the newest list is enough."""


def addresses(day: date) -> tuple[str, ...]:
    """Return the paths of a session's lists on NSE's site, the file with more measures first."""
    return tuple(f"/content/cm/{name}{day:%d%m%y}.csv" for name in NAMES)


def stored_lists(folder: Path) -> set[date]:
    """Return the dates on which a GSM list is stored; empty without an archive."""
    if not (folder / ARCHIVE).exists():
        return set()
    with database_errors(folder / ARCHIVE), contextlib.closing(read_archive(folder)) as archive:
        rows = archive.execute("SELECT DISTINCT dated FROM surveillance WHERE measure = 'gsm'")
        return {date.fromisoformat(row[0]) for row in rows}


class SurveillanceFiles:
    """Provide the source `surveillance`. `base`: URL of the site; `now`: returns the time up to which sessions may be final."""

    name = "surveillance"
    together = 1

    def __init__(self, base: str, downloader: Downloader, now: Callable[[], datetime]) -> None:
        self._base, self._downloader, self._now = base, downloader, now

    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        return [Part(session.date.isoformat(), (session,)) for session in sessions]

    def fetch(self, part: Part) -> Delivery | Absent:
        """Return the lists of a session. Raises DataError for other content."""
        day = part.sessions[0].date
        for address in addresses(day):
            content = self._downloader.get(self._base + address)
            if content is not None:
                name = address.rpartition("/")[2]
                _check(name, content)
                return Delivery(name, content)
        if not is_final(day, self._now()):
            return Absent("not published yet", pending=True)
        return Absent("not published: download REG1_IND from NSE's daily reports and import it")


def _check(name: str, content: bytes) -> None:
    """Raise DataError for content that is not a surveillance list, such as a web page or a workbook."""
    with tempfile.TemporaryDirectory(prefix="tradectl-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        kind = importer_for(read_source(path)).KIND
    if kind != surveillance.KIND:
        raise DataError(f"{name}: is not a surveillance list but {kind}")
