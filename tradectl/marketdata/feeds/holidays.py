"""NSE's list of trading holidays: closures at short notice, and in December the next year."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import SourceUnavailable
from tradectl.exchange.holiday_list import fill, read_holiday_list
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.model.freshness import HOLIDAYS, Freshness
from tradectl.model.moment import ist_date
from tradectl.ports import Brought, FeedRequest

if TYPE_CHECKING:
    from tradectl.marketdata.sources.download import Downloader

ADDRESS = "/api/holiday-master?type=trading"
"""NSE's list of trading holidays, JSON, below its home page."""


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
        """Write what the list adds into the calendar file. Raises SourceUnavailable, DataError, ConfigurationError."""
        content = self._downloader(request.look).get(self._home + ADDRESS)
        if content is None:
            raise SourceUnavailable(f"NSE has no list of holidays at {ADDRESS}")
        listed, today = read_holiday_list(content, "NSE's list of holidays"), ist_date(request.now)
        found = fill(self._calendar, SessionTable.load(self._calendar), listed, f"NSE's holiday list, fetched {today}", today)
        self._store.record(HOLIDAYS, request.through)
        added = ", ".join(f"{day} {name}" for day, name in found.added.items())
        yield Brought(request.through, len(found.added), f"closed: {added}" if added else "")
