"""Compute the state of the features of all instruments after one session, and advance it by the bars of later sessions.

A `FeatureState` holds what features of later bars need: smoothed values, running totals, and ring buffers with the last bars of
each window. Bars are counted per instrument: a session without a bar does not change an instrument's values. Smoothed values and
totals are computed from all bars in order. A ring stores only the bars that stay in it, so a long history costs little more than
its averages. `current_features` returns the last row of `features` of each history, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tradectl.model.gap_limit import within_band
from tradectl.model.history import Floats, Ints
from tradectl.model.panel import Panel
from tradectl.ports import Tell, silence
from tradectl.strategy.features import TREND_LOOKBACK
from tradectl.strategy.indicators import ema_share, rsi_share
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.trusted_prices import MEMORY, Mask, suspicious

N = TypeVar("N", np.int64, np.float64)
PanelColumns = NDArray[np.intp]
"""Column numbers of instruments in the panel."""
UP, DOWN, FAST, SLOW = range(4)
"""Rows of `averages`: the mean rise and the mean fall of RSI, the fast EMA and the slow EMA."""
_CHUNK = 64
"""Number of sessions that are computed at once, so that their arrays fit into the processor's cache."""


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


def advance(state: FeatureState, panel: Panel, tell: Tell = silence) -> None:
    """Add all bars of a panel to a state in place.

    The panel must have the state's instruments, and only sessions after the state's session."""
    final = state.arrays["bars"] + np.count_nonzero(panel.state > 0, axis=0)
    for begin in range(0, len(panel), _CHUNK):
        end = min(begin + _CHUNK, len(panel))
        _advance(state, panel.rows(begin, end), final)
        tell("sessions scanned", end, len(panel))


def _advance(state: FeatureState, rows: Panel, final: Ints) -> None:
    """Add the bars of some sessions. `final`: each instrument's number of bars after all sessions are added."""
    at, there, multiplier = state.arrays, rows.state > 0, rows.multiplier
    number = _running(at["bars"], there.astype(np.int64))
    age = final - number
    ended = np.flatnonzero(there.any(axis=0))
    if len(ended) and age[-1, ended].min() < MEMORY:
        _note_jumps(state, rows, there, number)
    high, low, close = rows.high * multiplier, rows.low * multiplier, rows.close * multiplier
    spread = high - low
    ranges = np.divide(spread, close, out=np.zeros_like(spread), where=there)
    slows = _smooth(state, rows.close / 100 * multiplier, there, there & (number == 1))
    volume_totals = _running(at["volume_total"], rows.volume / multiplier)
    range_totals, spread_totals = _running(at["range_total"], ranges), _running(at["spread_total"], spread)
    recent = np.nonzero(there & (age < state.windows.longest))
    opened = rows.open[recent] * multiplier[recent]
    in_rings = {
        "slows": slows[recent],
        "turnovers": rows.close[recent] * rows.volume[recent],
        "volume_totals": volume_totals[recent],
        "highs": high[recent],
        "lows": low[recent],
        "range_totals": range_totals[recent],
        "opens": opened,
        "bodies": np.abs(close[recent] - opened),
        "spread_totals": spread_totals[recent],
    }
    places, ages = (number[recent] - 1, recent[1]), age[recent]
    for name, values in in_rings.items():
        ring, stays = at[name], ages < len(at[name])
        ring[places[0][stays] % len(ring), places[1][stays]] = values[stays]
    last = len(rows) - 1 - np.argmax(there[::-1, ended], axis=0)
    at["day"][ended], at["series"][ended] = rows.sessions[last], rows.state[last, ended]
    for name in ("close", "volume", "multiplier"):
        at[name][ended] = getattr(rows, name)[last, ended]
    state.session = int(rows.sessions[-1])


def _note_jumps(state: FeatureState, rows: Panel, there: Mask, number: Ints) -> None:
    """Record the bars whose open contradicts the previous close. `trusted_prices.jumps` later drops the explained ones."""
    at = state.arrays
    before = np.empty(there.shape, dtype=np.int64)
    before[0] = at["close"]
    for i in range(1, len(rows)):
        before[i] = before[i - 1]
        np.copyto(before[i], rows.close[i - 1], where=there[i - 1])
    seen = there & (number > 1)
    multiplier = np.vstack([at["multiplier"], rows.multiplier[:-1]])
    step = np.divide(rows.multiplier, multiplier, out=np.ones_like(multiplier), where=seen)
    base = before / step
    jumped = ~within_band(rows.open, base)
    moved = np.nonzero(step != 1.0)
    jumped[moved] = suspicious(rows.open[moved], base[moved], step[moved])
    places = np.nonzero(jumped & seen)
    np.maximum.at(at["jump"], places[1], number[places])


def _smooth(state: FeatureState, close: Floats, there: Mask, first: Mask) -> Floats:
    """Add closes to the averages as `indicators` does, and return the slow EMA after each session.

    An average starts with its first value. The price change of the first bar is 0.
    """
    windows, average, before = state.windows, state.arrays["averages"], state.arrays["adjusted"]
    wilders = rsi_share(windows.rsi)
    share = np.array([[wilders], [wilders], [ema_share(windows.fast)], [ema_share(windows.slow)]])
    keep = 1.0 - share
    new = set(np.nonzero(first)[0].tolist())
    change, slows = np.empty_like(before), np.empty_like(close)
    value, following, part = (np.empty_like(average) for _ in range(3))
    moved = np.empty(average.shape, dtype=np.bool_)
    for i, x in enumerate(close):
        np.subtract(x, before, out=change)
        if i in new:
            change[first[i]] = 0.0
        np.maximum(change, 0.0, out=value[UP])
        np.negative(change, out=change)
        np.maximum(change, 0.0, out=value[DOWN])
        value[FAST:] = x
        if i in new:
            np.copyto(average, value, where=first[i])
        np.multiply(keep, average, out=following)
        np.multiply(share, value, out=part)
        np.add(following, part, out=following)
        np.not_equal(value, average, out=moved)
        np.logical_and(moved, there[i], out=moved)
        np.copyto(average, following, where=moved)
        np.copyto(before, x, where=there[i])
        slows[i] = average[SLOW]
    return slows


def _running(total: NDArray[N], values: NDArray[N]) -> NDArray[N]:
    """Replace `values` by the running total after each session, return them, and store the last one in `total`."""
    before = total
    for row in values:  # numpy's cumsum along the sessions takes several times as long
        np.add(before, row, out=row)
        before = row
    total[:] = before
    return values
