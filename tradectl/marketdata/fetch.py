"""Fetch sessions part by part, and import each delivery during the fetch.

A later fetch continues an interrupted one, because stored sessions are not fetched again. A missing or invalid part is reported
at the end, and the other parts are fetched. A source that does not reply ends the fetch.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import DataError, UsageError
from tradectl.marketdata.archive import Archive, database_errors
from tradectl.marketdata.imports import FileReport, Progress, import_files
from tradectl.marketdata.reading import read_archive
from tradectl.marketdata.schema import ARCHIVE
from tradectl.marketdata.sources.port import Absent, Delivery, Part
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session, SessionTable
    from tradectl.marketdata.sources.port import Source

SETTLED_AFTER = timedelta(minutes=30)
"""Wait after the last trade of a session before it is fetched, because sources are delayed and an early bar is incomplete."""
_DAY = timedelta(days=1)


class Span(Struct, frozen=True):
    """Select the sessions to fetch.

    `since` None: after the last stored session, or with `repair` from the first stored one. `to` None: until today."""

    since: date | None = None
    to: date | None = None
    repair: bool = False
    again: bool = False
    """Whether stored sessions are fetched again."""


class Missing(Struct, frozen=True):
    """Report a part, or sessions of it, that the source does not have. `pending`: expected later."""

    name: str
    reason: str
    pending: bool = False


@dataclass
class FetchReport:
    """Hold the result of a fetch. `asked`: number of requested parts; `files`: the imported files."""

    source: str
    asked: int = 0
    files: list[FileReport] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    @property
    def trouble(self) -> str:
        """Return one line about missing parts that are not pending; empty if there are none."""
        wrong = [item for item in self.missing if not item.pending]
        if not wrong:
            return ""
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return f"{wrong[0].name}: {wrong[0].reason}{more}"


def stored_sessions(folder: Path, *, final: bool = True) -> set[date]:
    """Return the sessions that have stored bars; with `final`, only those with a final bar. Empty without an archive."""
    if not (folder / ARCHIVE).exists():
        return set()
    with database_errors(folder / ARCHIVE), contextlib.closing(read_archive(folder)) as archive:
        where = "WHERE NOT provisional" if final else ""
        return {date.fromisoformat(row[0]) for row in archive.execute(f"SELECT DISTINCT session FROM bars {where}")}


def wanted(span: Span, stored: set[date], table: SessionTable, now: datetime, whole: set[date] | None = None) -> list[Session]:
    """Return the sessions to fetch, oldest first. `whole`: the stored sessions that are complete; None: all of them.

    Raises UsageError without a first date and without stored sessions, UncoveredDate for dates beyond the session table."""
    today = ist_date(now)
    last = min(span.to or today, today)
    since, whole = span.since, stored if whole is None else whole
    if since is None:
        if not stored:
            raise UsageError("nothing is stored yet: give the first date with --since YYYY-MM-DD")
        since = max(min(stored) if span.repair or not whole else max(whole) + _DAY, table.first)
    if since > last:
        return []
    ended = [item for item in table.between(since, last) if item.last_fill_at() + SETTLED_AFTER <= now]
    return ended if span.again else [item for item in ended if item.date not in whole]


def fetch(
    source: Source,
    sessions: Sequence[Session],
    folder: Path,
    table: SessionTable,
    *,
    at: datetime,
    replace: bool = False,
    partial: Collection[date] = (),
    progress: Progress | None = None,
    look: Callable[[], None] = lambda: None,
) -> FetchReport:
    """Fetch and import the sessions.

    `partial`: the sessions of which other sources brought bars of some symbols. The bars of this source replace these.

    `look` is called before each part and may raise an exception. That exception and SourceUnavailable are raised after the
    files fetched so far are imported.
    """
    parts = source.parts(sessions) if sessions else ()
    report = FetchReport(source.name, len(parts))
    with contextlib.closing(Archive(folder)) as archive:
        batch = _DeliveryBatch(archive, table, report, at, replace, frozenset(partial))
        try:
            for done, part in enumerate(parts):
                look()
                if progress:
                    progress(part.name, done, len(parts))
                try:
                    batch.put(part, source.fetch(part))
                except DataError as error:
                    report.missing.append(Missing(part.name, str(error)))
                if len(batch.waiting) >= source.together:
                    batch.empty()
        finally:
            batch.empty()
    return report


@dataclass
class _DeliveryBatch:
    """Collect fetched files, and import several of them together."""

    archive: Archive
    table: SessionTable
    report: FetchReport
    at: datetime
    replace: bool
    partial: frozenset[date]
    waiting: list[tuple[Part, Delivery]] = field(default_factory=list)

    def put(self, part: Part, came: Delivery | Absent) -> None:
        """Add a fetched part. A missing part, or missing sessions of it, are added to the report."""
        name = part.name
        if isinstance(came, Absent):
            self.report.missing.append(Missing(name, came.reason, came.pending))
            return
        self.waiting.append((part, came))
        if came.lacking:
            more = f" (and of {len(came.lacking) - 1} more sessions)" if len(came.lacking) > 1 else ""
            self.report.missing.append(Missing(name, f"{self.report.source} has no bar of {came.lacking[0]}{more}", pending=True))

    def empty(self) -> None:
        """Import all waiting files together. If that is rejected, import them one by one, so that only bad ones are left out."""
        waiting, self.waiting = self.waiting, []
        try:
            self._take(waiting)
        except DataError as error:
            if len(waiting) == 1:
                self.report.missing.append(Missing(waiting[0][0].name, str(error)))
                return
            for item in waiting:
                self.waiting = [item]
                self.empty()

    def _take(self, items: Sequence[tuple[Part, Delivery]]) -> None:
        if not items:
            return
        replace = self.replace or any(session.date in self.partial for part, _ in items for session in part.sessions)
        with tempfile.TemporaryDirectory(prefix="tradectl-") as folder:
            paths = []
            for _, delivery in items:
                path = Path(folder) / delivery.file
                path.write_bytes(delivery.content)
                paths.append(path)
            found = import_files(paths, self.archive, self.table, at=self.at, replace=replace)
        self.report.files += found.files
