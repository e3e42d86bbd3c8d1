"""Read minute bars from the archive. The bars of one session are cached until another session is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.marketdata.reading import Query
    from tradectl.model.renames import Renames

Minute = tuple[int, int, int, int, int, int]
"""Minutes after 09:15 IST; open, high, low and close in paise; volume in shares."""


class MinuteBars:
    """Read the minute bars of all instruments up to a session.

    Args:
        query: Runs a query on the archive.
        renames: The symbol changes, which give an instrument's name on a session.
        through: The last session whose bars are returned.
    """

    def __init__(self, query: Query, renames: Renames, through: date) -> None:
        self._query = query
        self._renames = renames
        self._through = through
        self._session: date | None = None
        self._bars: dict[str, Sequence[Minute]] = {}

    def of(self, instrument_id: str, session: date) -> Sequence[Minute]:
        """Return an instrument's bars of a session, oldest first; empty if there are none."""
        if not self._any or session > self._through:
            return ()
        if session != self._session:
            self._bars, self._session = {}, session
        if instrument_id not in self._bars:
            names = dict.fromkeys((self._renames.name_on(instrument_id, session), instrument_id))
            self._bars[instrument_id] = next(filter(None, (self._stored(name, session) for name in names)), ())
        return self._bars[instrument_id]

    def sessions(self, instrument_id: str) -> frozenset[date]:
        """Return the sessions for which an instrument has minute bars."""
        names = {instrument_id, *self._renames.names_of(instrument_id)}
        days = {day for name in names for day in self._days.get(name, ()) if self._owns(instrument_id, name, day)}
        return frozenset(day for day in days if day <= self._through)

    def _owns(self, instrument_id: str, name: str, session: date) -> bool:
        """Return whether a name belonged to an instrument on a session."""
        return name in {instrument_id, self._renames.name_on(instrument_id, session)}

    def _stored(self, symbol: str, session: date) -> Sequence[Minute]:
        query = "SELECT minute, open, high, low, close, volume FROM minutes WHERE symbol = ? AND session = ? ORDER BY minute"
        return self._query(query, (symbol, session.isoformat()))  # type: ignore[return-value]

    @cached_property
    def _any(self) -> bool:
        return bool(self._query("SELECT 1 FROM minutes LIMIT 1", ()))

    @cached_property
    def _days(self) -> dict[str, list[date]]:
        """Return the sessions with minute bars, by symbol."""
        found: dict[str, list[date]] = {}
        for symbol, day in self._query("SELECT DISTINCT symbol, session FROM minutes", ()):
            found.setdefault(str(symbol), []).append(date.fromisoformat(str(day)))
        return found
