"""Read the stored instrument dumps and lists of shares with derivatives: the entries of each symbol by date."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tradectl.marketdata.reading import Query
    from tradectl.model.renames import Renames

LIST_GOOD_FOR = timedelta(days=92)
"""How long a list of shares with derivatives is valid: NSE admits and drops some every few months."""


class Dump(NamedTuple):
    """Represent a symbol's entry in an instrument dump.

    Attributes:
        dated: ISO date.
        tick_size: In paise.
        derivatives: 1 or 0; -1 if the dump does not show it.
    """

    dated: str
    tick_size: int
    lot_size: int
    isin: str
    derivatives: int
    name: str


class InstrumentDumps:
    """Read the entries of all dumps and lists. `query`: runs a query on the archive."""

    def __init__(self, query: Query, renames: Renames) -> None:
        self._query = query
        self._renames = renames
        self._entries: dict[str, list[Dump]] = {}
        self._members: dict[date, frozenset[str]] = {}

    def of(self, symbol: str) -> list[Dump]:
        """Return a symbol's entries, oldest first."""
        if symbol not in self._entries:
            columns = "dumped_on, tick_size, lot_size, isin, derivatives, name"
            query = f"SELECT {columns} FROM instruments WHERE symbol = ? ORDER BY dumped_on, source"
            self._entries[symbol] = [Dump._make(row) for row in self._query(query, (symbol,))]
        return self._entries[symbol]

    @cached_property
    def months(self) -> tuple[str, ...]:
        """Return the months with a dump, such as 2024-01, oldest first."""
        rows = self._query("SELECT DISTINCT substr(dumped_on, 1, 7) FROM instruments ORDER BY 1", ())
        return tuple(str(row[0]) for row in rows)

    def last(self, symbol: str, session: date) -> Dump | None:
        """Return a symbol's newest entry that is not later than a session; None without one."""
        past = self._past(symbol, session)
        return past[-1] if past else None

    def has_derivatives(self, instrument_id: str, symbol: str, session: date) -> tuple[bool, bool]:
        """Return whether an instrument has derivatives, and whether that is recent knowledge (at most LIST_GOOD_FOR old).

        The newest dump or list up to the session decides. Without one, both are False."""
        newest, has = "", False
        for entry in reversed(self._past(symbol, session)):
            if entry.derivatives >= 0:
                if entry.dated < newest:
                    break
                newest, has = entry.dated, bool(entry.derivatives)  # of two dumps of a day the first one decides
        dated, members = self.underlyings(session)
        if dated is not None and dated.isoformat() > newest:
            newest, has = dated.isoformat(), instrument_id in members
        return has, bool(newest) and session - date.fromisoformat(newest) <= LIST_GOOD_FOR

    def underlyings(self, session: date) -> tuple[date | None, frozenset[str]]:
        """Return the date and the instrument ids of the newest list of shares with derivatives up to a session.

        Without a list: None and an empty set."""
        index = bisect_right(self._list_dates, session) - 1
        if index < 0:
            return None, frozenset()
        dated = self._list_dates[index]
        if dated not in self._members:
            rows = self._query("SELECT DISTINCT symbol FROM underlyings WHERE dated = ?", (dated.isoformat(),))
            self._members[dated] = frozenset(self._renames.resolve(str(row[0]), dated) for row in rows)
        return dated, self._members[dated]

    def _past(self, symbol: str, session: date) -> list[Dump]:
        entries = self.of(symbol)
        return entries[: bisect_right(entries, session.isoformat(), key=lambda entry: entry.dated)] if entries else entries

    @cached_property
    def _list_dates(self) -> list[date]:
        return [
            date.fromisoformat(str(row[0])) for row in self._query("SELECT DISTINCT dated FROM underlyings ORDER BY dated", ())
        ]
