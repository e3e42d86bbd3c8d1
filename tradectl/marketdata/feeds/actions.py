"""NSE's list of corporate actions: a week back and a month ahead, and everything since the list that is stored.

A home without a list gets the years of its bars, a year a request. The reply is complete for its dates. So an action that is
still to come and is no longer in the reply was withdrawn or postponed, and is removed. Past actions are never removed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradectl.errors import DataError, SourceUnavailable
from tradectl.freshness import read_freshness
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.feeds.store_file import NSE, StoreFile, refuse_shrunken
from tradectl.marketdata.fetch import stored_sessions
from tradectl.marketdata.importers import corporate_actions
from tradectl.marketdata.panel.refresh import derived_with
from tradectl.model.freshness import ACTIONS, Freshness
from tradectl.model.moment import ist_date
from tradectl.ports import Brought, FeedRequest

if TYPE_CHECKING:
    import pandas as pd

    from tradectl.marketdata.sources.download import Downloader

BACK, AHEAD = timedelta(days=7), timedelta(days=30)
SPAN = timedelta(days=365)
"""The longest time of one request."""
EMPTY = (b"", b"[]", b"{}", b'{"data":[]}')
ADDRESS = "/api/corporates-corporateActions?index=equities&from_date={:%d-%m-%Y}&to_date={:%d-%m-%Y}"


class ActionsFeed:
    """`home`: the address of NSE's site; `max_age`: the setting `actions_max_age`, in sessions."""

    kind, title = ACTIONS, "corporate actions"
    meaning = (
        "analyze refuses when the list is older than the setting actions_max_age, because a split that is not known looks like a "
        "fall and would be bought"
    )
    remedy = "Save the list of NSE's page Corporate Actions and `tradectl data import FILE`"

    def __init__(self, store: StoreFile, home: str, downloader: Callable[[Callable[[], None]], Downloader], max_age: int) -> None:
        self._store, self._home, self._downloader, self.tolerance = store, home, downloader, max_age

    def is_due(self, known: Freshness | None, through: date) -> bool:
        return known is None or known.as_of < through or known.source != NSE

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Fetch and store the list. Raises SourceUnavailable, DataError."""
        today = ist_date(request.now)
        known = read_freshness(self._store.folder).get(ACTIONS)
        first, last = self._since(known, today), today + AHEAD
        downloader = self._downloader(request.look)
        while first <= last:
            until = min(first + SPAN, last)
            name = f"corporate-actions-{first:%d-%m-%Y}-to-{until:%d-%m-%Y}.json"
            content = downloader.get(self._home + ADDRESS.format(first, until))
            if content is None:
                raise SourceUnavailable("NSE has no list of corporate actions at its usual address")
            if content.strip() in EMPTY:
                raise DataError(f"{name}: is empty, and no week is without a corporate action: NSE answers without its data")
            kept: set[tuple[str, str, str]] = set()
            records = {ACTIONS: request.through} if until == last else {}
            new = self._store.put(name, content, {corporate_actions.KIND}, records=records, check=self._check(name, kept, until))
            withdrawn = self._withdraw(kept, max(first, today + timedelta(days=1)), until) if until > today else 0
            yield Brought(request.through if until == last else None, new, f"{withdrawn} withdrawn" if withdrawn else "")
            first = until + timedelta(days=1)

    def _since(self, known: Freshness | None, today: date) -> date:
        """Return the first ex-date to request. An imported list may be a short one of a person's own, so it shortens nothing."""
        if known is not None and known.source == NSE:
            return min(today, known.as_of) - BACK
        return min(min(stored_sessions(self._store.folder), default=today), today) - BACK

    def _check(self, name: str, kept: set[tuple[str, str, str]], until: date) -> Callable[[pd.DataFrame], None]:
        """Return a check that rejects a list with too few of the stored actions, and puts the keys of its rows into `kept`."""

        def check(frame: pd.DataFrame) -> None:
            kept.update(zip(frame["symbol"], frame["ex_date"], frame["subject"], strict=True))
            begin = str(frame["ex_date"].min())
            stored = self._store.rows("SELECT count(*) FROM actions WHERE ex_date BETWEEN ? AND ?", begin, until.isoformat())
            refuse_shrunken(name, len(frame), int(str(stored[0][0])))

        return check

    def _withdraw(self, kept: set[tuple[str, str, str]], first: date, last: date) -> int:
        """Remove stored actions from `first` to `last` that the newest list lacks; return how many."""
        with contextlib.closing(Archive(self._store.folder)) as archive:
            query = "SELECT symbol, ex_date, subject FROM actions WHERE ex_date BETWEEN ? AND ?"
            rows = archive.db.execute(query, [first.isoformat(), last.isoformat()]).fetchall()
            gone = sorted({tuple(map(str, row)) for row in rows} - kept)
            if gone:
                with derived_with(archive), archive.transaction():
                    for key in gone:
                        archive.db.execute("DELETE FROM actions WHERE symbol = ? AND ex_date = ? AND subject = ?", key)
                    archive.count_change()
        return len(gone)
