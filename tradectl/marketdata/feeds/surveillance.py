"""The surveillance lists of the last session: NSE's indicator file, or the reports of its site where there is no file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from tradectl.errors import DataError, SourceUnavailable
from tradectl.marketdata.feeds.store_file import StoreFile
from tradectl.marketdata.importers import surveillance
from tradectl.marketdata.sources.port import Delivery, Part
from tradectl.model.freshness import SURVEILLANCE, Freshness
from tradectl.model.surveillance import EXCLUDING
from tradectl.ports import Brought, FeedRequest

if TYPE_CHECKING:
    from tradectl.marketdata.sources.download import Downloader
    from tradectl.marketdata.sources.surveillance_files import SurveillanceFiles

REPORTS = ("GSM", "ESM", "ASM")
"""The reports of the site, at `/api/report…`; each names its own date."""


class SurveillanceFeed:
    """`open_files` returns the source of the indicator files; `home`: the address of NSE's site."""

    kind, title, tolerance = SURVEILLANCE, "surveillance lists (GSM, ESM, ASM)", 2
    meaning = "a share that came under GSM, ESM or long-term ASM since then may be bought"
    remedy = "`tradectl data fetch --source surveillance`, or import REG1_IND of NSE's daily reports"

    def __init__(
        self,
        store: StoreFile,
        home: str,
        open_files: Callable[[Callable[[], None]], SurveillanceFiles],
        downloader: Callable[[Callable[[], None]], Downloader],
    ) -> None:
        self._store, self._home, self._open_files, self._downloader = store, home, open_files, downloader

    def is_due(self, known: Freshness | None, through: date) -> bool:
        return known is None or known.as_of < through

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Store the lists of the last session, or the newest reports. Raises SourceUnavailable, DataError."""
        session = self._store.sessions.session(request.through)
        if session is None:
            raise DataError(f"{request.through} is no session")
        try:
            found = self._open_files(request.look).fetch(Part(request.through.isoformat(), (session,)))
        except DataError as error:
            note = str(error)
        else:
            if isinstance(found, Delivery):
                records = {SURVEILLANCE: request.through}
                yield Brought(request.through, self._store.put(found.file, found.content, {surveillance.KIND}, records=records))
                return
            note = found.reason
        yield self._reports(request, note)

    def _reports(self, request: FeedRequest, note: str) -> Brought:
        """Store the reports of the site. Raises DataError or SourceUnavailable, with both reasons, if a report is missing too."""
        downloader, new = self._downloader(request.look), 0
        for name in REPORTS:
            try:
                content = downloader.get(f"{self._home}/api/report{name}")
                if content is None:
                    raise DataError(f"NSE has no report of {name}")
                new += self._store.put(f"report{name}.json", content, {surveillance.KIND})
            except (DataError, SourceUnavailable) as error:
                raise type(error)(f"no file of {request.through}: {note}; no report either: {error}") from error
        as_of = self._as_of()
        if as_of is not None:
            self._store.record(SURVEILLANCE, as_of)
        return Brought(as_of, new, f"from the reports of NSE's site ({note})")

    def _as_of(self) -> date | None:
        """Return the date up to which each excluding measure has a list (the oldest of the newest); None if one has none."""
        rows = self._store.rows("SELECT measure, max(dated) FROM surveillance GROUP BY measure")
        newest = {str(measure): date.fromisoformat(str(dated)) for measure, dated in rows}
        found = [newest[measure.value] for measure in EXCLUDING if measure.value in newest]
        return min(found) if len(found) == len(EXCLUDING) else None
