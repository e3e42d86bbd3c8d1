"""Fetch NSE's bhavcopies, one file per session. The date inside the file decides its session, not the address.

For a holiday, and for today before publication, NSE serves the previous session's file. Such a reply means "not published", as
does 404. `sec_bhavdata_full` has the same prices as the usual file and replaces a missing one.
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
"""First session that NSE publishes only in the UDiFF format."""
FULL_SINCE = date(2020, 1, 1)
"""First date on which sec_bhavdata_full exists at the address below."""
CLOSED = "`tradectl data sessions fetch` shows by NSE's list of holidays whether the exchange was closed"
"""The command for a missing file. A missing file does not prove a closed day, so tradectl does not propose to close it."""
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def addresses(day: date) -> tuple[str, ...]:
    """Return the paths on NSE's site where the file of a session may be, the preferred one first."""
    month = MONTHS[day.month - 1]
    if day >= UDIFF_SINCE:
        usual = f"/content/cm/BhavCopy_NSE_CM_0_0_0_{day:%Y%m%d}_F_0000.csv.zip"
    else:
        usual = f"/content/historical/EQUITIES/{day.year}/{month}/cm{day:%d}{month}{day.year}bhav.csv.zip"
    full = f"/products/content/sec_bhavdata_full_{day:%d%m%Y}.csv"
    return (usual, full) if day >= FULL_SINCE else (usual,)


class NseFiles:
    """Provide the source `nse`. `base`: URL of the site; `now`: returns the time up to which sessions may be final."""

    name = "nse"
    together = 1

    def __init__(self, base: str, downloader: Downloader, now: Callable[[], datetime]) -> None:
        self._base, self._downloader, self._now = base, downloader, now

    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        return [Part(session.date.isoformat(), (session,)) for session in sessions]

    def fetch(self, part: Part) -> Delivery | Absent:
        """Return the session's file. Raises DataError if a file was invalid and the other addresses have no better one."""
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
            found = f"; NSE serves the file of {held}"
        if damage is not None:
            raise damage
        if not is_final(day, self._now()):
            return Absent(f"not published yet{found}", pending=True)
        return Absent(f"not published{found}; {CLOSED}")


def date_of(name: str, content: bytes) -> date:
    """Return the session of a bhavcopy. Raises DataError for other content, such as a web page or a damaged file."""
    with tempfile.TemporaryDirectory(prefix="tradectl-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        source = read_source(path)
    importer = importer_for(source)
    if not importer.KIND.startswith("bhavcopy"):
        raise DataError(f"{name}: is not a bhavcopy but {importer.KIND}")
    return date.fromisoformat(str(importer.parse(source).frame["session"].iloc[0]))
