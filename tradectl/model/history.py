"""Store the bars of one instrument as numpy columns, oldest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.model.market import Bar

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """The bars of one instrument, as columns of equal length.

    Attributes:
        sessions: Dates as ordinals (date.toordinal), strictly increasing.
        open, high, low, close: Prices as traded, in paise.
        volume: In shares.
        series: Codes such as EQ.
        multiplier: M_t, the product of 1 / price factor of all splits, bonuses and demergers with ex-date <= t. So price * M_t is
            adjusted *forward*, and later actions never change it.
    """

    instrument_id: str
    sessions: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    series: NDArray[np.str_]
    multiplier: Floats

    def __len__(self) -> int:
        return len(self.sessions)

    def last_index(self, through: date) -> int:
        """Return the index of the last bar of a session <= `through`; -1 if there is none."""
        return int(self.sessions.searchsorted(through.toordinal(), side="right")) - 1

    def index(self, session: date) -> int | None:
        """Return the index of the session's bar; None if there is none."""
        i = self.last_index(session)
        return i if i >= 0 and int(self.sessions[i]) == session.toordinal() else None

    def session(self, index: int) -> date:
        """Return the session of the bar at an index."""
        return date.fromordinal(int(self.sessions[index]))

    def bar(self, index: int) -> Bar:
        """Return the bar at an index, as traded."""
        return Bar(
            self.session(index),
            int(self.open[index]),
            int(self.high[index]),
            int(self.low[index]),
            int(self.close[index]),
            int(self.volume[index]),
            str(self.series[index]),
        )

    def through(self, session: date) -> History:
        """Return the history up to and with a session."""
        end = self.last_index(session) + 1
        if end == len(self):
            return self
        return self.take(slice(end))

    def take(self, rows: NDArray[Any] | slice) -> History:
        """Return a history of some bars, by indices, a slice or a mask."""
        columns = ("sessions", "open", "high", "low", "close", "volume", "series", "multiplier")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def with_bar(self, bar: Bar, multiplier: float) -> History:
        """Return this history with one later bar. `multiplier`: M_t of that bar."""

        def add(column: NDArray[np.int64], value: int) -> Ints:
            return np.append(column, np.int64(value))

        return History(
            instrument_id=self.instrument_id,
            sessions=add(self.sessions, bar.session.toordinal()),
            open=add(self.open, bar.open),
            high=add(self.high, bar.high),
            low=add(self.low, bar.low),
            close=add(self.close, bar.close),
            volume=add(self.volume, bar.volume),
            series=np.append(self.series, bar.series),
            multiplier=np.append(self.multiplier, multiplier),
        )
