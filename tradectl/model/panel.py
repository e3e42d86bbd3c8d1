"""The bars of many instruments at once, one row a session: what every scan reads.

Arrays are shaped (sessions, instruments), so that a session is one run of memory, and one more session is one more row.
A panel is ragged: an instrument has bars from its listing on, with holes where it was suspended. `state` says which it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, History, Ints
from tradectl.model.series import EQUITY_SERIES

NOT_LISTED, GAP = 0, -1
"""States without a bar: before the first bar of an instrument, and between or after its bars."""
SERIES = {series: code for code, series in enumerate(EQUITY_SERIES, 1)}
"""States with a bar: the code of its series."""
NAMES = np.array(["", *EQUITY_SERIES], dtype="<U2")
"""The series by its code."""

Prices = NDArray[np.int32]
States = NDArray[np.int8]
_MONTH = 24
"""Sessions, about."""
FIELDS = ("open", "high", "low", "close", "volume", "state", "multiplier")
"""The arrays of a panel, in their order."""


@dataclass(frozen=True, eq=False)
class Row:
    """One session: arrays as long as there are instruments. Prices in paise as traded, volume in shares, both 0 where there is
    no bar; `state` as in `Panel`; `multiplier` M_t, which stands on where there is no bar (1.0 before the first)."""

    session: int
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Ints
    state: States
    multiplier: Floats

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which instruments have a bar."""
        return self.state > 0


@dataclass(frozen=True, eq=False)
class Panel:
    """`instruments`: ids, one a column, each once, in whatever order. `sessions`: proleptic ordinals (date.toordinal), strictly
    increasing. The others as in `Row`, shaped (sessions, instruments); they may be mapped from files, and are never written to.

    `multiplier` is the product of 1/price factor of all splits, bonuses and demergers with ex-date <= the session: price x
    multiplier is adjusted *forward*, so a later action changes no row.
    """

    instruments: tuple[str, ...]
    sessions: Ints
    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Ints
    state: States
    multiplier: Floats

    def __len__(self) -> int:
        return len(self.sessions)

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of each instrument."""
        return {instrument_id: column for column, instrument_id in enumerate(self.instruments)}

    def last_index(self, through: date) -> int:
        """Index of the last session <= `through`; -1 without one."""
        return int(np.searchsorted(self.sessions, through.toordinal(), side="right")) - 1

    def bar_before(self, end: int, column: int) -> int:
        """The row of a column's last bar before row `end`; -1 without one. Looks back a month at a time: it is seldom far."""
        if end > 0 and self.state[end - 1, column] > 0:
            return end - 1
        while end > 0:
            start = max(0, end - _MONTH)
            there = np.flatnonzero(self.state[start:end, column] > 0)
            if len(there):
                return start + int(there[-1])
            end = start
        return -1

    def first_bar(self, column: int) -> int:
        """The row of a column's first bar; -1 without one."""
        there = np.flatnonzero(self.state[:, column] > 0)
        return int(there[0]) if len(there) else -1

    def row(self, index: int) -> Row:
        """One session."""
        return Row(int(self.sessions[index]), *(getattr(self, name)[index] for name in FIELDS))

    def through(self, session: date) -> Panel:
        """The same panel cut after that session."""
        end = self.last_index(session) + 1
        return self if end == len(self) else replace(self, **{name: getattr(self, name)[:end] for name in ("sessions", *FIELDS)})

    def select(self, instrument_ids: Sequence[str]) -> Panel:
        """The panel of these instruments alone, sorted, each once; copied. KeyError for one that is not there."""
        chosen = tuple(sorted(set(instrument_ids)))
        columns = np.array([self.columns[instrument_id] for instrument_id in chosen], dtype=np.int64)
        return replace(self, instruments=chosen, **{name: getattr(self, name)[:, columns] for name in FIELDS})

    def history(self, instrument_id: str, since: date = date.min) -> History | None:
        """The bars of one instrument from a session on, without its holes; None without any."""
        column = self.columns.get(instrument_id)
        if column is None:
            return None
        begin = int(np.searchsorted(self.sessions, since.toordinal()))
        there = begin + np.flatnonzero(self.state[begin:, column] > 0)
        if not len(there):
            return None
        opens, highs, lows, closes = (getattr(self, name)[there, column].astype(np.int64) for name in FIELDS[:4])
        volume, multiplier = self.volume[there, column], self.multiplier[there, column]
        return History(
            instrument_id, self.sessions[there], opens, highs, lows, closes, volume, NAMES[self.state[there, column]], multiplier
        )


def stacked(histories: Iterable[History]) -> Panel:
    """The panel of these histories, over all sessions on which one of them has a bar."""
    found = sorted((history for history in histories if len(history)), key=lambda history: history.instrument_id)
    sessions = np.unique(np.concatenate([history.sessions for history in found])) if found else np.empty(0, dtype=np.int64)
    shape = (len(sessions), len(found))
    prices = [np.zeros(shape, dtype=np.int32) for _ in FIELDS[:4]]
    volume, state, multiplier = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int8), np.ones(shape)
    for column, history in enumerate(found):
        rows = np.searchsorted(sessions, history.sessions)
        for name, values in zip(FIELDS, prices, strict=False):
            values[rows, column] = getattr(history, name)
        volume[rows, column] = history.volume
        state[rows[0] :, column] = GAP
        state[rows, column] = [SERIES[series] for series in history.series.tolist()]
        last = np.searchsorted(rows, np.arange(len(sessions)), side="right") - 1
        multiplier[:, column] = np.where(last >= 0, history.multiplier[last], 1.0)
    ids = tuple(history.instrument_id for history in found)
    opens, highs, lows, closes = prices
    return Panel(ids, sessions, opens, highs, lows, closes, volume, state, multiplier)
