"""Store the bars of many instruments as arrays, for scans.

Arrays are shaped (sessions, instruments), so a session is contiguous in memory and a new session adds one row. An instrument has
no bars before its listing and during suspensions; `state` shows where.
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
"""Values of `state` without a bar: before the first bar of an instrument, and between or after its bars."""
SERIES = {series: code for code, series in enumerate(EQUITY_SERIES, 1)}
"""Values of `state` with a bar: the code of its series."""
NAMES = np.array(["", *EQUITY_SERIES], dtype="<U2")
"""The series by their codes."""

Prices = NDArray[np.int32]
States = NDArray[np.int8]
_MONTH = 24
"""About the number of sessions in a month."""
FIELDS = ("open", "high", "low", "close", "volume", "state", "multiplier")
"""The arrays of a panel, in their order."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The bars of many instruments. The arrays may be mapped from files, and are never written to.

    Attributes:
        instruments: The ids of the columns, each once, in any order.
        sessions: Dates as ordinals (date.toordinal), strictly increasing.
        open, high, low, close: Prices as traded, in paise; 0 without a bar.
        volume: In shares; 0 without a bar.
        state: See `NOT_LISTED`, `GAP` and `SERIES`.
        multiplier: M_t, the product of 1 / price factor of all splits, bonuses and demergers with ex-date <= the session. Without
            a bar it is that of the previous bar (1.0 before the first). So price * M_t is adjusted *forward*, and a later action
            changes no row.
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
        """Return the column of each instrument."""
        return {instrument_id: column for column, instrument_id in enumerate(self.instruments)}

    def last_index(self, through: date) -> int:
        """Return the index of the last session <= `through`; -1 if there is none."""
        return int(self.sessions.searchsorted(through.toordinal(), side="right")) - 1

    def bar_before(self, end: int, column: int) -> int:
        """Return the row of a column's last bar before row `end`; -1 if there is none.

        The search goes back one month at a time, because the bar is seldom far.
        """
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
        """Return the row of a column's first bar; -1 if there is none."""
        there = np.flatnonzero(self.state[:, column] > 0)
        return int(there[0]) if len(there) else -1

    def rows(self, begin: int, end: int) -> Panel:
        """Return the panel of the rows from `begin` up to `end`, without `end`."""
        return replace(self, **{name: getattr(self, name)[begin:end] for name in ("sessions", *FIELDS)})

    def through(self, session: date) -> Panel:
        """Return the panel up to and with a session."""
        end = self.last_index(session) + 1
        return self if end == len(self) else self.rows(0, end)

    def select(self, instrument_ids: Sequence[str]) -> Panel:
        """Return a copy with only these instruments, sorted, each once. Raises KeyError for an unknown id."""
        chosen = tuple(sorted(set(instrument_ids)))
        columns = np.array([self.columns[instrument_id] for instrument_id in chosen], dtype=np.int64)
        return replace(self, instruments=chosen, **{name: getattr(self, name)[:, columns] for name in FIELDS})

    def history(self, instrument_id: str, since: date = date.min) -> History | None:
        """Return the bars of one instrument from session `since` on; None if there are none."""
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
            instrument_id=instrument_id,
            sessions=self.sessions[there],
            open=opens,
            high=highs,
            low=lows,
            close=closes,
            volume=volume,
            series=NAMES[self.state[there, column]],
            multiplier=multiplier,
        )


def stacked(histories: Iterable[History]) -> Panel:
    """Return the panel of these histories, over all sessions on which one of them has a bar."""
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
    return Panel(
        instruments=ids,
        sessions=sessions,
        open=opens,
        high=highs,
        low=lows,
        close=closes,
        volume=volume,
        state=state,
        multiplier=multiplier,
    )
