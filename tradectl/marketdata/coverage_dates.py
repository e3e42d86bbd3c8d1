"""The date up to which an imported file is complete, for the record in `freshness`.

A file names its date in one of three ways, the first that it has: in its own name (NSE's downloads of corporate actions end
`-to-30-11-2026.csv`), in its rows (the newest date), or not at all. No file is newer than the day of its import: a list of
corporate actions names ex-dates that are still to come.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from tradectl.marketdata.importers.stamps import parse_date
from tradectl.model.freshness import ACTIONS, BARS, DERIVATIVES, INSTRUMENTS, MEMBERS, RENAMES, SECURITIES, SURVEILLANCE
from tradectl.model.surveillance import EXCLUDING

if TYPE_CHECKING:
    from tradectl.marketdata.importers.columns import Parsed
    from tradectl.marketdata.importers.source import SourceFile

_TO = re.compile(r"to[-_ ](\d{2}-\d{2}-\d{4})$", re.IGNORECASE)
_DATED = {
    "bars": (BARS, "session"),
    "actions": (ACTIONS, "ex_date"),
    "renames": (RENAMES, "dated"),
    "securities": (SECURITIES, "listed_on"),
    "underlyings": (DERIVATIVES, "dated"),
}
"""By table of the archive: the kind of its record, and the column whose newest date counts."""


def coverage_dates(source: SourceFile, parsed: Parsed, today: date) -> Iterator[tuple[str, date]]:
    """Yield the kinds of data in a file, each with the date up to which the file is complete.

    Minute bars have no record, nor has a surveillance list without one of the measures that exclude a share."""
    frame = parsed.frame
    if parsed.table == "lists":
        yield from ((f"{MEMBERS}{name}", today) for name in frame["list"].unique())
    elif parsed.table == "instruments":
        newest = frame.groupby("source")["dumped_on"].max()
        yield from ((f"{INSTRUMENTS}{name}", _capped(str(day), today)) for name, day in newest.items())
    elif parsed.table == "surveillance":
        newest_lists = frame.groupby("measure")["dated"].max()
        if {measure.value for measure in EXCLUDING} <= set(newest_lists.index):
            yield SURVEILLANCE, _capped(min(newest_lists[measure.value] for measure in EXCLUDING), today)
    elif parsed.table in _DATED:
        kind, column = _DATED[parsed.table]
        rows = frame[frame["provisional"] == 0] if kind == BARS else frame
        named = _TO.search(source.stem)
        if named and kind == ACTIONS and (until := parse_date(named.group(1), ("%d-%m-%Y",))):
            yield kind, min(until, today)
        elif len(rows):
            yield kind, _capped(str(rows[column].max()), today)


def _capped(day: str, today: date) -> date:
    return min(date.fromisoformat(day), today)
