"""Read the stored surveillance lists: the lists in force on a date, and the dates on which they exclude an instrument.

An archive may have one list per measure and day for years, so only the needed lists are read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from tradectl.model.surveillance import EXCLUDING, Measure, MeasureList, Spell, Spells, Surveillance

if TYPE_CHECKING:
    from tradectl.marketdata.reading import Query
    from tradectl.model.renames import Renames

_ENDLESS = date.max.toordinal() + 1


class SurveillanceLists:
    """Read the lists of an archive up to the date `through`. `query`: runs a query on the archive."""

    def __init__(self, query: Query, renames: Renames, through: date) -> None:
        self._query, self._renames, self._through = query, renames, through
        self._read: dict[tuple[Measure, date], MeasureList] = {}

    def on(self, session: date) -> Surveillance:
        """Return the newest list of each measure up to a session."""
        found = {}
        for measure, dates in self._dates.items():
            index = bisect_right(dates, session)
            if index:
                found[measure] = self._list(measure, dates[index - 1])
        return Surveillance(session, found)

    def spells(self, instrument_id: str) -> Spells:
        """Return the dates on which an instrument was excluded. A list is in force until the next one of its measure."""
        if not self._dates:
            return ()
        names = self._renames.names_of(instrument_id)
        marks = ", ".join("?" * len(names))
        rows = self._query(f"SELECT measure, dated, symbol FROM surveillance WHERE symbol IN ({marks}) ORDER BY dated", names)
        spells: list[Spell] = []
        for measure in EXCLUDING:
            own = [date.fromisoformat(str(row[1])) for row in rows if row[0] == measure.value and self._is(instrument_id, row)]
            spells += _joined(self._dates.get(measure, []), [day for day in own if day <= self._through])
        return tuple(spells)

    def first(self) -> date | None:
        """Return the first date on which each excluding measure has a stored list; None if a measure has no list."""
        starts = [self._dates[measure][0] for measure in EXCLUDING if measure in self._dates]
        return max(starts) if len(starts) == len(EXCLUDING) else None

    @cached_property
    def _dates(self) -> dict[Measure, list[date]]:
        """Return the dates of the lists of each measure, oldest first."""
        found: dict[Measure, list[date]] = {}
        for measure, dated in self._query("SELECT DISTINCT measure, dated FROM surveillance ORDER BY dated", ()):
            day = date.fromisoformat(str(dated))
            if day <= self._through:
                found.setdefault(Measure(str(measure)), []).append(day)
        return found

    def _list(self, measure: Measure, dated: date) -> MeasureList:
        if (measure, dated) not in self._read:
            query = "SELECT symbol, stage FROM surveillance WHERE dated = ? AND measure = ? AND symbol != ''"
            rows = self._query(query, (dated.isoformat(), measure.value))
            stages = {self._renames.resolve(str(symbol), dated): str(stage) for symbol, stage in rows}
            self._read[measure, dated] = MeasureList(measure, dated, stages)
        return self._read[measure, dated]

    def _is(self, instrument_id: str, row: tuple[object, ...]) -> bool:
        """Return whether the symbol of a row (measure, date, symbol) was the instrument's on that date."""
        _, dated, symbol = row
        return self._renames.resolve(str(symbol), date.fromisoformat(str(dated))) == instrument_id


def _joined(dates: list[date], named: list[date]) -> list[Spell]:
    """Return the spells of one measure. Both arguments are oldest first.

    `dates`: dates of all lists of the measure. `named`: dates of the lists that contain the instrument."""
    found: list[Spell] = []
    for day in named:
        index = bisect_left(dates, day)
        end = dates[index + 1].toordinal() if index + 1 < len(dates) else _ENDLESS
        begin = found.pop().first if found and found[-1].end == day.toordinal() else day.toordinal()
        found.append(Spell(begin, end))
    return found
