"""Read minute bars of the archive: those of one session are kept until another session is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.marketdata.identity import Renames
    from tradectl.marketdata.reading import Query

Minute = tuple[int, int, int, int, int, int]
"""Minutes after 09:15, open, high, low and close in paise, volume."""


class MinuteBars:
    """The minute bars of all instruments up to a session.

    Args:
        query: Carries out a query of the archive.
        through: The last session of which bars are returned.
    """

    def __init__(self, query: Query, renames: Renames, through: date) -> None:
        self._query = query
        self._renames = renames
        self._through = through
        self._session: date | None = None
        self._bars: dict[str, Sequence[Minute]] = {}

    def of(self, instrument_id: str, session: date) -> Sequence[Minute]:
        """Return the bars of a session; empty where there are none."""
        if not self._any or session > self._through:
            return ()
        if session != self._session:
            self._bars, self._session = {}, session
        if instrument_id not in self._bars:
            names = dict.fromkeys((self._renames.name_on(instrument_id, session), instrument_id))
            self._bars[instrument_id] = next(filter(None, (self._stored(name, session) for name in names)), ())
        return self._bars[instrument_id]

    def sessions(self, instrument_id: str) -> frozenset[date]:
        """Return the sessions of which an instrument has bars."""
        names = [name for name in self._days if self._renames.touches(name)] + [instrument_id]
        days = {day for name in names for day in self._days.get(name, ()) if self._owns(instrument_id, name, day)}
        return frozenset(day for day in days if day <= self._through)

    def _owns(self, instrument_id: str, name: str, session: date) -> bool:
        return name in {instrument_id, self._renames.name_on(instrument_id, session)}

    def _stored(self, symbol: str, session: date) -> Sequence[Minute]:
        query = "SELECT minute, open, high, low, close, volume FROM minutes WHERE symbol = ? AND session = ? ORDER BY minute"
        return self._query(query, (symbol, session.isoformat()))  # type: ignore[return-value]

    @cached_property
    def _any(self) -> bool:
        return bool(self._query("SELECT 1 FROM minutes LIMIT 1", ()))

    @cached_property
    def _days(self) -> dict[str, list[date]]:
        """The sessions with minute bars by name."""
        found: dict[str, list[date]] = {}
        for symbol, day in self._query("SELECT DISTINCT symbol, session FROM minutes", ()):
            found.setdefault(str(symbol), []).append(date.fromisoformat(str(day)))
        return found
