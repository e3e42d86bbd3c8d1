"""NSE's list of the shares with futures and options, once a week: they have a closing auction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.marketdata.fetch import FetchReport
from tradectl.marketdata.fetch_lots import RENEWED, fetch_lots
from tradectl.model.freshness import DERIVATIVES, Freshness
from tradectl.ports import Brought, FeedRequest

if TYPE_CHECKING:
    from tradectl.marketdata.sources.download import Downloader


class DerivativesFeed:
    """`base`: the address of NSE's files."""

    kind, title, tolerance = DERIVATIVES, "shares with derivatives", 10
    meaning = "sells of shares whose kind is not known change only in hours that suit both kinds"
    remedy = "`tradectl data fetch`, or `tradectl data import fo_mktlots.csv`"

    def __init__(self, store: StoreFile, base: str, downloader: Callable[[Callable[[], None]], Downloader]) -> None:
        self._store, self._base, self._downloader = store, base, downloader

    def is_due(self, known: Freshness | None, through: date) -> bool:
        return known is None or known.as_of <= through - RENEWED

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Fetch and store the list. Raises SourceUnavailable, DataError."""
        report = FetchReport("nse")
        at = self._store.machine_now()
        fetch_lots(self._base, self._downloader(request.look), self._store.folder, self._store.sessions, report, at=at)
        if report.missing:
            raise DataError(report.missing[0].reason)
        self._store.record(DERIVATIVES, request.through)
        yield Brought(request.through, sum(item.merged.new + item.merged.replaced for item in report.files))
