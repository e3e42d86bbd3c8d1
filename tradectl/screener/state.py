"""Hold the state of the features of all instruments after one session. `advance` adds the bars of later sessions.

A `FeatureState` holds what features of later bars need: smoothed values, running totals, and ring buffers with the last bars of
each window. Bars are counted per instrument: a session without a bar does not change an instrument's values. Smoothed values and
totals are computed from all bars in order. A ring stores only the bars that stay in it, so a long history costs little more than
its averages. `current_features` returns the last row of `features` of each history, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.strategy.features import TREND_LOOKBACK
from tradectl.strategy.parameters import Parameters

PanelColumns = NDArray[np.intp]
"""Column numbers of instruments in the panel."""
UP, DOWN, FAST, SLOW = range(4)
"""Rows of `averages`: the mean rise and the mean fall of RSI, the fast EMA and the slow EMA."""


class Windows(NamedTuple):
    """Hold the window of each indicator in bars. A state depends only on these and on the bars."""

    rsi: int
    fast: int
    slow: int
    average: int
    quality: int
    candles: int

    @classmethod
    def of(cls, p: Parameters) -> Windows:
        """Return the windows of a set of parameters."""
        return cls(p.rsi_period, p.ema_fast, p.ema_slow, p.average_window, p.quality_window, p.quality_candle_window)

    @property
    def longest(self) -> int:
        """Return the length of the longest ring in bars."""
        return max(TREND_LOOKBACK, self.average, self.quality, self.candles) + 1


def layout(windows: Windows) -> Mapping[str, tuple[str, int]]:
    """Return the type and the number of rows of each array of a state. 0 rows: one value per instrument.

    A ring is one bar longer than its window if a feature also needs the bar before the window.
    """
    last = {"day": "i8", "series": "i1", "close": "i8", "volume": "i8", "multiplier": "f8", "bars": "i8", "jump": "i8"}
    totals = dict.fromkeys(("adjusted", "volume_total", "range_total", "spread_total"), "f8")
    rings = {
        "slows": ("f8", TREND_LOOKBACK + 1),
        "turnovers": ("i8", windows.average),
        "volume_totals": ("f8", windows.average + 1),
        "highs": ("f8", windows.quality + 1),
        "lows": ("f8", windows.quality + 1),
        "range_totals": ("f8", windows.quality + 1),
        "opens": ("f8", windows.candles),
        "bodies": ("f8", windows.candles),
        "spread_totals": ("f8", windows.candles + 1),
    }
    return {name: (kind, 0) for name, kind in (last | totals).items()} | {"averages": ("f8", 4)} | rings


@dataclass(eq=False)
class FeatureState:
    """Hold the state of all instruments after a session.

    Attributes:
        instruments: Instrument ids in the order of the panel's columns.
        session: Ordinal of the session; 0 before the first one.
        arrays: As described by `layout`, one column per instrument. `day`, `series`, `close`, `volume` and `multiplier` are
            those of the last bar, as traded. `jump`: number of the last bar whose open contradicts the previous close, from
            1; 0 without one. A jump more than `MEMORY` bars ago may be missing.
    """

    instruments: tuple[str, ...]
    windows: Windows
    session: int
    arrays: dict[str, NDArray[Any]]

    @classmethod
    def empty(cls, instruments: Sequence[str], windows: Windows) -> FeatureState:
        """Return the state before the first bar."""
        n = len(instruments)
        arrays = {name: np.zeros((size, n) if size else n, dtype=kind) for name, (kind, size) in layout(windows).items()}
        return cls(tuple(instruments), windows, 0, arrays)

    def copy(self) -> FeatureState:
        """Return a copy that can be advanced without changing this state."""
        return FeatureState(
            self.instruments, self.windows, self.session, {name: values.copy() for name, values in self.arrays.items()}
        )

    def alone(self, instrument_id: str) -> FeatureState | None:
        """Return a copy with only one instrument; None if the state does not have it."""
        if instrument_id not in self.instruments:
            return None
        column = self.instruments.index(instrument_id)
        arrays = {name: values[..., column : column + 1].copy() for name, values in self.arrays.items()}
        return FeatureState((instrument_id,), self.windows, self.session, arrays)

    def among(self, instruments: Sequence[str]) -> FeatureState:
        """Return the state with these instruments as columns. An unknown instrument starts without bars."""
        if tuple(instruments) == self.instruments:
            return self
        column = {instrument_id: number for number, instrument_id in enumerate(self.instruments)}
        known = [(new, column[name]) for new, name in enumerate(instruments) if name in column]
        there = np.array(known, dtype=np.intp).reshape(-1, 2)
        found = FeatureState.empty(instruments, self.windows)
        for name, values in found.arrays.items():
            values[..., there[:, 0]] = self.arrays[name][..., there[:, 1]]
        found.session = self.session
        return found

    def columns_of(self, instruments: Sequence[str]) -> PanelColumns:
        """Return the columns of instruments. Raises KeyError for an unknown one."""
        column = {instrument_id: number for number, instrument_id in enumerate(self.instruments)}
        return np.array([column[name] for name in instruments], dtype=np.intp)
