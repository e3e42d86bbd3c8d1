"""Daily bars of every session that has ended, from NSE's bhavcopies.

A session without bars is fetched. So is a recent one of which another source brought a few symbols: `analyze` rejects it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.marketdata.fetch import Missing, Span, fetch, stored_sessions, wanted
from tradectl.model.freshness import BARS, Freshness
from tradectl.model.moment import ist_date
from tradectl.ports import Brought, FeedRequest, Tell
from tradectl.strategy.trusted_prices import WINDOW

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.marketdata.sources.port import Source

TOGETHER = 5
"""Sessions a part: between two parts the process can end in order."""
YEAR = timedelta(days=366)


class BarsFeed:
    """Fetch the sessions that have no bars, and recent ones that are not complete.

    `open_source` returns the source of the files. `whole` returns the complete sessions, see `whole_sessions`. `years`: how much
    history a home without bars gets."""

    kind, title, tolerance = BARS, "daily bars", 0
    meaning = "analyze refuses a session without bars, so nothing is bought until they are stored"
    remedy = "`tradectl data fetch --repair`, or download the bhavcopy from NSE and `tradectl data import FILE`"

    def __init__(
        self,
        store: StoreFile,
        open_source: Callable[[Callable[[], None]], Source],
        whole: Callable[[], set[date]],
        years: int,
    ) -> None:
        self._store, self._open_source, self._whole, self._years = store, open_source, whole, years

    def is_due(self, known: Freshness | None, through: date) -> bool:  # noqa: ARG002 - the protocol has them
        """Return True: a hole may lie before the newest bars, so the stored sessions decide."""
        return True

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Fetch the missing sessions, oldest first.

        Raises DataError, once all were tried, if one of the last `WINDOW` sessions did not come: `analyze` needs these. An older
        one is a note, because it changes only past trades of the score."""
        stored = stored_sessions(self._store.folder)
        incomplete = self._incomplete(stored, ist_date(request.now))
        lacking = self._lacking(stored, incomplete, request.now)
        source = self._open_source(request.look)
        missing: list[Missing] = []
        for start in range(0, len(lacking), TOGETHER):
            batch = lacking[start : start + TOGETHER]
            report = fetch(
                source,
                batch,
                self._store.folder,
                self._store.sessions,
                at=self._store.machine_now(),
                partial=incomplete,
                progress=partial(_progress, request.tell, start, len(lacking)),
                look=request.look,
            )
            missing += report.missing
            yield Brought(self._newest(), sum(item.merged.new + item.merged.replaced for item in report.files))
        needed = self._needed_since(request.through).isoformat()
        recent = [item for item in missing if item.name >= needed]
        if recent:
            raise DataError(_summary_of(recent))
        older = f"older sessions, for past trades only: {_summary_of(missing)}" if missing else ""
        yield Brought(self._newest(), 0, older if self._newest() else "no session has ended yet")

    def _incomplete(self, stored: set[date], today: date) -> set[date]:
        """Return the stored sessions of the last `WINDOW` ones that are not complete. `analyze` does not need older ones."""
        since = self._needed_since(today)
        return {day for day in stored if since <= day <= today} - self._whole() if stored else set()

    def _needed_since(self, day: date) -> date:
        """Return the first of the last `WINDOW` sessions up to a date."""
        table = self._store.sessions
        recent = table.run_between(table.first, min(day, table.last))[-WINDOW:]
        return recent[0].date if recent else day

    def _lacking(self, stored: set[date], incomplete: set[date], now: datetime) -> list[Session]:
        """Return the sessions to fetch, oldest first."""
        if stored:
            return wanted(Span(repair=True), stored, self._store.sessions, now, stored - incomplete)
        since = max(ist_date(now) - self._years * YEAR, self._store.sessions.first)
        return wanted(Span(since), stored, self._store.sessions, now)

    def _newest(self) -> date | None:
        ((newest,),) = self._store.rows("SELECT max(session) FROM bars WHERE NOT provisional")
        return date.fromisoformat(str(newest)) if newest is not None else None


def _summary_of(missing: Sequence[Missing]) -> str:
    more = f" (and {len(missing) - 1} more sessions)" if len(missing) > 1 else ""
    return f"{missing[0].name} is missing: {missing[0].reason}{more}"


def _progress(tell: Tell, before: int, total: int, name: str, done: int, _of_part: int) -> None:
    """Report the progress within all missing sessions."""
    tell(name, before + done, total)
