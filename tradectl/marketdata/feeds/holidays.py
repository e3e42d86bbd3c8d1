"""NSE's list of trading holidays: closures at short notice, and in December the next year."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.marketdata.fetch import stored_sessions
from tradectl.marketdata.fetch_holidays import HolidaysOutcome, HolidaysReport, fetch_holidays
from tradectl.model.freshness import HOLIDAYS, Freshness
from tradectl.model.moment import ist_date
from tradectl.ports import Brought, FeedRequest

if TYPE_CHECKING:
    from tradectl.marketdata.sources.download import Downloader


class HolidaysFeed:
    """`home`: the address of NSE's site; `calendar`: the operator's calendar file, created where it is missing."""

    kind, title, tolerance = HOLIDAYS, "list of holidays", 10
    meaning = (
        "a day that the exchange has closed since then is taken for a session, and no order of a year without a list is sent"
    )
    remedy = "`tradectl data sessions fetch`, or save NSE's list and `tradectl data sessions import FILE`"

    def __init__(
        self, store: StoreFile, home: str, calendar: Path, downloader: Callable[[Callable[[], None]], Downloader]
    ) -> None:
        self._store, self._home, self._calendar, self._downloader = store, home, calendar, downloader

    def is_due(self, known: Freshness | None, through: date) -> bool:
        return known is None or known.as_of < through

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Write what the list adds into the calendar file. Raises SourceUnavailable, DataError, ConfigurationError.

        A past day that the list has closed, with bars before and after it and none of its own, was no session: `prices` would
        miss its bars every evening."""
        today = ist_date(request.now)
        report = fetch_holidays(self._home, self._downloader(request.look), self._calendar, today, self._without_bars())
        self._store.record(HOLIDAYS, request.through)
        yield Brought(request.through, len(report.changes.added) + len(report.changes.muhurat), _note(report))

    def _without_bars(self) -> set[date]:
        """Return the sessions between the oldest and the newest stored bars that have none."""
        stored, table = stored_sessions(self._store.folder, final=False), self._store.sessions
        if not stored:
            return set()
        first, last = max(min(stored), table.first), min(max(stored), table.last)
        return {session.date for session in table.between(first, last)} - stored if first <= last else set()


def _note(report: HolidaysReport) -> str:
    """Return the new closed dates, the Muhurat sessions without hours, and the list that NSE has not published, in one line."""
    added, muhurat = (
        ", ".join(f"{day} {name}" for day, name in days.items()) for days in (report.changes.added, report.changes.muhurat)
    )
    notes = [f"closed: {added}"] if added else []
    notes += [f"session without hours, nothing trades in it: {muhurat}"] if muhurat else []
    notes += [report.text] if report.outcome is HolidaysOutcome.NOT_PUBLISHED else []
    return "; ".join(notes)
