"""NSE's daily files: one per session, in the format of its time. The date inside decides, not the address.

NSE serves the file of the session before at a holiday's address, and at today's until the new file is there: such a reply means
"not published". 404 means the same. `sec_bhavdata_full` has the content of the usual file and replaces a missing one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from tradectl.errors import DataError
from tradectl.exchange.sessions import Session
from tradectl.execution.session_close import is_final
from tradectl.marketdata.importers.registry import importer_for
from tradectl.marketdata.importers.source import read_source
from tradectl.marketdata.sources.download import Downloader
from tradectl.marketdata.sources.port import Absent, Delivery, Part

UDIFF_SINCE = date(2024, 7, 8)
"""From this session on NSE publishes the UDiFF form and the old one no more."""
FULL_SINCE = date(2020, 1, 1)
"""Before this there is no sec_bhavdata_full at the address below."""
CLOSED = "`tradectl data sessions fetch` shows by NSE's list of holidays whether the exchange was closed"
"""A missing file proves no closed day, so nothing is proposed from it."""
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def addresses(day: date) -> tuple[str, ...]:
    """Where the file of a session may be on the site, the best place first."""
    month = MONTHS[day.month - 1]
    if day >= UDIFF_SINCE:
        usual = f"/content/cm/BhavCopy_NSE_CM_0_0_0_{day:%Y%m%d}_F_0000.csv.zip"
    else:
        usual = f"/content/historical/EQUITIES/{day.year}/{month}/cm{day:%d}{month}{day.year}bhav.csv.zip"
    full = f"/products/content/sec_bhavdata_full_{day:%d%m%Y}.csv"
    return (usual, full) if day >= FULL_SINCE else (usual,)


class NseFiles:
    """The source `nse`."""

    name = "nse"
    together = 1

    def __init__(self, base: str, downloader: Downloader, now: Callable[[], datetime]) -> None:
        self._base, self._downloader, self._now = base, downloader, now

    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        return [Part(session.date.isoformat(), (session,)) for session in sessions]

    def fetch(self, part: Part) -> Delivery | Absent:
        """Return the session's file. Raises DataError if one came that is no bhavcopy and none better was found."""
        day = part.sessions[0].date
        found, damage = "", None
        for address in addresses(day):
            content = self._downloader.get(self._base + address)
            if content is None:
                continue
            name = address.rpartition("/")[2]
            try:
                held = date_of(name, content)
            except DataError as error:
                damage = damage or error
                continue
            if held == day:
                return Delivery(name, content)
            found = f"; NSE answers with the file of {held}"
        if damage is not None:
            raise damage
        if not is_final(day, self._now()):
            return Absent(f"not published yet{found}", pending=True)
        return Absent(f"not published{found}; {CLOSED}")


def date_of(name: str, content: bytes) -> date:
    """Return the one session of a bhavcopy. Raises DataError for anything else: a web page, a workbook, a damaged file,
    another table."""
    with tempfile.TemporaryDirectory(prefix="tradectl-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        source = read_source(path)
    importer = importer_for(source)
    if not importer.KIND.startswith("bhavcopy"):
        raise DataError(f"{name}: is no bhavcopy but {importer.KIND}")
    return date.fromisoformat(str(importer.parse(source).frame["session"].iloc[0]))
