"""Derive the panel row of a session from its bars: the column of each bar, its values and the multiplier of its price.

A row depends only on earlier rows. So extending a store and deriving it again give the same bytes.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.errors import DataError
from tradectl.marketdata.adjustment import moving, step
from tradectl.marketdata.panel.layout import TYPES
from tradectl.marketdata.panel.stored import StoredPanel
from tradectl.marketdata.reference_data import ReferenceData
from tradectl.model.panel import GAP, NOT_LISTED, SERIES

VALUES = ("state", "open", "high", "low", "close", "volume")
_CODES = " ".join(f"WHEN '{series}' THEN {code}" for series, code in SERIES.items())
_QUERY = f"SELECT symbol, CASE series {_CODES} END, open, high, low, close, volume FROM bars WHERE session = ?"

_HIGHEST = int(np.iinfo(TYPES["high"]).max)


class NoRoom(Exception):
    """Report that there are more instruments than columns."""


@dataclass(frozen=True, eq=False)
class DerivedRow:
    """Hold one row: the ordinal of its session, its number of bars, and the values of each field for all columns."""

    session: int
    bars: int
    fields: dict[str, NDArray[Any]]


class Derivation:
    """Derive rows with `width` columns, from the first session on or after the last row of the store `before`."""

    def __init__(self, facts: ReferenceData, width: int, before: StoredPanel | None = None) -> None:
        self.facts = facts
        self.width = width
        self.instruments: list[str] = list(before.index.instruments) if before else []
        self._columns = {owner: column for column, owner in enumerate(self.instruments)}
        self._known: dict[str, int] = {}
        self._reached = ""
        self._renamed_on = sorted({dated for _, _, dated in facts.names})
        self._waiting: set[str] = set()
        """Instruments that may have had a corporate action since their last bar."""
        self._before = before if before is not None and len(before) else None
        self._multiplier = np.ones(width)
        self._last_bar = np.zeros(width, dtype=np.int64)
        self._last_close = np.zeros(width, dtype=np.int64)
        if self._before is not None:
            self._go_on_from(self._before)
        self._due = deque(sorted((ex_date, owner) for ex_date, owner in facts.ex_dates() if ex_date > self._reached))

    def rows(self, archive: sqlite3.Connection, sessions: Sequence[str]) -> Iterator[DerivedRow]:
        """Yield the rows of sessions (ISO dates, oldest first, later than all rows so far).

        Raises NoRoom, DataError for a price above the range of the files, and sqlite3.Error."""
        for session in sessions:
            yield self._row(session, archive.execute(_QUERY, (session,)).fetchall())

    def _go_on_from(self, before: StoredPanel) -> None:
        """Restore the state after the last stored row."""
        last, session = len(before) - 1, int(before.records["session"][-1])
        there = before.fields["state"][last] > NOT_LISTED
        self._multiplier[:] = before.fields["multiplier"][last]
        self._last_bar[there] = session
        self._last_close[there] = before.fields["close"][last][there]
        self._reached = date.fromordinal(session).isoformat()
        asleep = {owner for owner, column in self._columns.items() if not there[column]}
        acting = {owner for _, owner in self.facts.ex_dates()}
        self._waiting = {owner for owner in acting if owner in asleep or owner not in self._columns}

    def _row(self, session: str, bars: list[tuple[Any, ...]]) -> DerivedRow:
        day = date.fromisoformat(session)
        columns = self._place([bar[0] for bar in bars], day)
        listed = len(self._columns)
        if len(set(columns)) < len(columns):
            bars, columns = self._one_each(bars, columns, day)
        fields = {name: np.zeros(self.width, dtype=kind) for name, kind in TYPES.items()}
        fields["state"][:listed] = GAP
        highest = max(bars, key=lambda bar: bar[3])
        if highest[3] > _HIGHEST:
            raise DataError(f"{highest[0]} {session}: a high of {highest[3]} paise is above the maximum of the panel, {_HIGHEST}")
        at = np.array(columns, dtype=np.intp)
        for name, values in zip(VALUES, list(zip(*bars, strict=True))[1:], strict=True):
            fields[name][at] = values
        self._move(day, fields)
        self._last_bar[at] = day.toordinal()
        self._last_close[at] = fields["close"][at]
        self._reached = session
        fields["multiplier"][:] = self._multiplier
        return DerivedRow(day.toordinal(), len(bars), fields)

    def _place(self, symbols: list[str], day: date) -> list[int]:
        """Return the column of each symbol of a day. New instruments get the next columns, in the order of their ids.

        Raises NoRoom if no column is left."""
        today = day.isoformat()
        if bisect_right(self._renamed_on, self._reached) < bisect_right(self._renamed_on, today):
            self._known.clear()
        strangers = {symbol: self.facts.renames.resolve(symbol, day) for symbol in symbols if symbol not in self._known}
        for owner in sorted(set(strangers.values()) - self._columns.keys()):
            if len(self.instruments) == self.width:
                raise NoRoom
            self._columns[owner] = len(self.instruments)
            self.instruments.append(owner)
        self._known.update((symbol, self._columns[owner]) for symbol, owner in strangers.items())
        return [self._known[symbol] for symbol in symbols]

    def _one_each(self, bars: list[tuple[Any, ...]], columns: list[int], day: date) -> tuple[list[tuple[Any, ...]], list[int]]:
        """Return one bar per column, with the columns. Of two symbols of one instrument, the symbol of that day is kept."""

        def foreign(number: int) -> tuple[bool, str]:
            symbol = bars[number][0]
            return self.facts.renames.name_on(self.instruments[columns[number]], day) != symbol, symbol

        chosen: dict[int, int] = {}
        for number in sorted(range(len(bars)), key=foreign):
            chosen.setdefault(columns[number], number)
        return [bars[number] for number in chosen.values()], list(chosen)

    def _move(self, day: date, fields: dict[str, NDArray[Any]]) -> None:
        """Multiply M of each instrument with a bar on this day by the factors of its actions since its last bar."""
        today = day.isoformat()
        while self._due and self._due[0][0] <= today:
            self._waiting.add(self._due.popleft()[1])
        awake = {owner for owner in self._waiting if owner in self._columns and fields["state"][self._columns[owner]] > 0}
        self._waiting -= awake
        for owner in awake:
            column = self._columns[owner]
            bar, close = self._last(column)
            for ex_date, actions in moving(self.facts.actions(owner, bar, day)):
                opened = int(fields["open"][column]) if ex_date == day else None
                self._multiplier[column] *= step(actions, close, opened)

    def _last(self, column: int) -> tuple[date, int | None]:
        """Return the session and the close (paise) of a column's last bar; `date.min` and None without a bar."""
        if not self._last_bar[column] and self._before is not None and column < len(self._before.index.instruments):
            found = np.flatnonzero(self._before.fields["state"][:, column] > 0)[-1]
            self._last_bar[column] = self._before.records["session"][found]
            self._last_close[column] = self._before.fields["close"][found, column]
        if not self._last_bar[column]:
            return date.min, None
        return date.fromordinal(int(self._last_bar[column])), int(self._last_close[column])
