"""The state of the features of all instruments after one session, advanced from session to session.

A `FeatureState` holds what one more row of bars needs from the past: the smoothed values, and rings with the last bars of each
window. An instrument counts its own bars: where it has none, its values do not change. After a row every instrument has, bit for
bit, the last row of `features` of its history: the same sums from running totals, in the same order. Costly values that are
seldom read (medians, extremes of windows) are computed from the rings on demand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.model.gap_limit import within_band
from tradectl.model.history import Floats, Ints
from tradectl.model.panel import NAMES, Row
from tradectl.strategy.features import TREND_LOOKBACK, Features, Reading, quality_points
from tradectl.strategy.indicators import ema_share, rsi_share, strength_index
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.trusted_prices import suspicious

RULES = ("backtest", "exchange", "model", "screener", "strategy")
"""The packages whose source decides what a state contains, and what the rules make of it."""
PanelColumns = NDArray[np.intp]
"""Instruments, by their columns in the panel."""


class Windows(NamedTuple):
    """The window of each indicator, in bars: everything but the bars that a state depends on."""

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


def layout(windows: Windows) -> Mapping[str, tuple[str, int]]:
    """Return the type of each array of a state, and the length of its ring (0: one value per instrument)."""
    last = {"day": "i8", "series": "i1", "close": "i8", "volume": "i8", "multiplier": "f8", "bars": "i8", "jump": "i8"}
    smoothed = dict.fromkeys(("adjusted", "up", "down", "fast", "slow", "slow_before"), "f8")
    totals = dict.fromkeys(("volume_total", "volume_sum", "range_total", "range_sum", "spread_total", "spread_sum"), "f8")
    rings = {
        "slows": ("f8", TREND_LOOKBACK),
        "turnovers": ("i8", windows.average),
        "volume_totals": ("f8", windows.average),
        "highs": ("f8", windows.quality),
        "lows": ("f8", windows.quality),
        "gaps": ("i1", windows.quality),
        "range_totals": ("f8", windows.quality),
        "opens": ("f8", windows.candles),
        "bodies": ("f8", windows.candles),
        "spread_totals": ("f8", windows.candles),
    }
    return {name: (kind, 0) for name, kind in (last | smoothed | totals).items()} | rings


@dataclass(eq=False)
class FeatureState:
    """The features of all instruments after the session `session` (an ordinal, 0 before the first).

    `instruments`: as the panel's columns. `arrays`: by `layout`, one column per instrument. `day`, `series`, `close`, `volume`
    and `multiplier` belong to the last bar of each, as traded. `jump`: the number of the last bar whose open contradicts the
    close before, counted from 1; 0 without one.
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
        """Return a copy, which can be advanced without a change of this state."""
        return FeatureState(
            self.instruments, self.windows, self.session, {name: values.copy() for name, values in self.arrays.items()}
        )

    def alone(self, instrument_id: str) -> FeatureState | None:
        """Return a copy with one instrument, or None where the state does not have it."""
        if instrument_id not in self.instruments:
            return None
        column = self.instruments.index(instrument_id)
        arrays = {name: values[..., column : column + 1].copy() for name, values in self.arrays.items()}
        return FeatureState((instrument_id,), self.windows, self.session, arrays)

    def among(self, instruments: Sequence[str]) -> FeatureState:
        """Return the state with these columns. An instrument that it did not have has no bar yet."""
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
        """Return the columns of these instruments. Raises KeyError for one that the state does not have."""
        column = {instrument_id: number for number, instrument_id in enumerate(self.instruments)}
        return np.array([column[name] for name in instruments], dtype=np.intp)


def advance(state: FeatureState, row: Row) -> None:
    """Add one row of bars in place. A copy for each of thousands of sessions would take too long."""
    chosen, at, windows = np.flatnonzero(row.state > 0), state.arrays, state.windows
    state.session = row.session
    bars = at["bars"][chosen]
    multiplier, volume = row.multiplier[chosen], row.volume[chosen]
    _note_jumps(state, chosen, row, multiplier)
    opened, high, low, close = (prices[chosen] * multiplier for prices in (row.open, row.high, row.low, row.close))
    _smooth(state, chosen, bars, row.close[chosen] / 100 * multiplier)
    average, quality, candles = (
        _places(state, chosen, bars, size) for size in (windows.average, windows.quality, windows.candles)
    )
    _put(at["turnovers"], average, row.close[chosen] * volume)
    _total(state, "volume", chosen, average, volume / multiplier)
    before = _places(state, chosen, bars - 1, windows.quality)
    gap = (low > _get(at["highs"], before)) | (high < _get(at["lows"], before))
    _put(at["gaps"], quality, gap & (bars > 0))
    _put(at["highs"], quality, high)
    _put(at["lows"], quality, low)
    _total(state, "range", chosen, quality, (high - low) / close)
    _put(at["opens"], candles, opened)
    _put(at["bodies"], candles, np.abs(close - opened))
    _total(state, "spread", chosen, candles, high - low)
    at["day"][chosen] = row.session
    for name, values in (("series", row.state), ("close", row.close), ("volume", row.volume), ("multiplier", row.multiplier)):
        at[name][chosen] = values[chosen]
    at["bars"][chosen] = bars + 1


def _note_jumps(state: FeatureState, chosen: PanelColumns, row: Row, multiplier: Floats) -> None:
    """Note the bars whose open contradicts the close before. `trusted_prices.jumps` explains some of them later."""
    at = state.arrays
    seen = at["bars"][chosen] > 0
    chosen, multiplier = chosen[seen], multiplier[seen]
    step = multiplier / at["multiplier"][chosen]
    opened, base = row.open[chosen], at["close"][chosen] / step
    jumped = ~within_band(opened, base)
    moved = np.flatnonzero(step != 1.0)
    if len(moved):
        jumped[moved] = suspicious(opened[moved], base[moved], step[moved])
    at["jump"][chosen[jumped]] = at["bars"][chosen[jumped]] + 1


def _smooth(state: FeatureState, chosen: PanelColumns, bars: Ints, close: Floats) -> None:
    """Do one step of the smoothing of `indicators`: an average starts at its first value, a change at 0."""
    at, windows, first = state.arrays, state.windows, bars == 0
    change = np.where(first, 0.0, close - at["adjusted"][chosen])
    wilders = rsi_share(windows.rsi)
    steps = (
        ("up", np.maximum(change, 0.0), wilders),
        ("down", np.maximum(-change, 0.0), wilders),
        ("fast", close, ema_share(windows.fast)),
        ("slow", close, ema_share(windows.slow)),
    )
    for name, x, alpha in steps:
        y = np.where(first, x, at[name][chosen])
        at[name][chosen] = np.where(x == y, y, (1.0 - alpha) * y + alpha * x)
    at["adjusted"][chosen] = close
    trend = _places(state, chosen, bars, TREND_LOOKBACK)
    at["slow_before"][chosen] = _get(at["slows"], trend)
    _put(at["slows"], trend, at["slow"][chosen])


def _total(state: FeatureState, name: str, chosen: PanelColumns, places: PanelColumns, values: Floats) -> None:
    """Advance a running total, and its growth within its window."""
    at = state.arrays
    total = at[f"{name}_total"][chosen] + values
    at[f"{name}_sum"][chosen] = total - _get(at[f"{name}_totals"], places)
    at[f"{name}_total"][chosen] = total
    _put(at[f"{name}_totals"], places, total)


def _places(state: FeatureState, chosen: PanelColumns, number: Ints, size: int) -> PanelColumns:
    """Return the places of bars with these numbers in a ring of that size."""
    return number % size * len(state.instruments) + chosen


def _get(ring: NDArray[Any], places: PanelColumns) -> NDArray[Any]:
    """Return the values in these places of a ring: those of one window ago, before `_put`."""
    found: NDArray[Any] = ring.reshape(-1)[places]
    return found


def _put(ring: NDArray[Any], places: PanelColumns, values: NDArray[Any]) -> None:
    """Write values to these places of a ring."""
    ring.reshape(-1)[places] = values


def current_features(state: FeatureState, chosen: PanelColumns, parameters: Parameters) -> Features:
    """Return the last row of `features` of each of these instruments."""
    at, windows = state.arrays, state.windows
    bars, turnovers = at["bars"][chosen], at["turnovers"][:, chosen]
    slow = _from(windows.slow, bars, at["slow"][chosen])
    enough = bars >= windows.average
    with np.errstate(divide="ignore", invalid="ignore"):
        average = at["volume_sum"][chosen] / windows.average
        ratio = at["volume"][chosen] / at["multiplier"][chosen] / average
    return Features(
        close=at["adjusted"][chosen],
        rsi=_rsi(state, chosen),
        ema_fast=_from(windows.fast, bars, at["fast"][chosen]),
        ema_slow=slow,
        ema_slow_before=_from(windows.slow + TREND_LOOKBACK, bars, at["slow_before"][chosen]),
        volume_ratio=np.where(enough, ratio, np.nan),
        average_turnover=np.where(enough, turnovers.sum(axis=0) // windows.average, -1),
        median_turnover=np.where(enough, _medians(turnovers), -1),
        quality=_quality(state, chosen, parameters),
        bars=bars,
    )


def _from(least: int, bars: Ints, values: Floats) -> Floats:
    """Return the values, NaN before the bar number `least`, counted from 1."""
    return np.where(bars >= least, values, np.nan)


def _rsi(state: FeatureState, chosen: PanelColumns) -> Floats:
    value = strength_index(state.arrays["up"][chosen], state.arrays["down"][chosen])
    return _from(state.windows.rsi, state.arrays["bars"][chosen], value)


def _medians(window: Ints) -> Ints:
    """Return the medians of the columns; of an even window the floor of the mean of the middle two."""
    high = len(window) // 2
    low = high - 1 if len(window) % 2 == 0 else high
    ordered = np.sort(window, axis=0)
    middle: Ints = (ordered[low] + ordered[high]) // 2
    return middle


def _quality(state: FeatureState, chosen: PanelColumns, p: Parameters) -> Floats:
    at, long, short = state.arrays, state.windows.quality, state.windows.candles
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = at["gaps"][:, chosen].sum(axis=0, dtype=np.int64) / long
        price_range = at["highs"][:, chosen].max(axis=0) / at["lows"][:, chosen].min(axis=0) - 1
    bodies, limit = at["bodies"][:, chosen], p.quality_candle_multiple * (at["spread_sum"][chosen] / short)
    large = bodies > p.quality_candle_body * at["opens"][:, chosen]
    extreme = (large | (bodies > limit)).sum(axis=0) / short
    points = quality_points(gaps, at["range_sum"][chosen] / long, price_range, extreme, p)
    return _from(max(long, short), at["bars"][chosen], points)


def current_readings(state: FeatureState, chosen: PanelColumns, features: Features) -> list[Reading]:
    """Return the rows of `current_features` as plain numbers, each with its bar."""
    at = state.arrays
    days = {day: date.fromordinal(day) for day in set(at["day"][chosen].tolist())}
    values = zip(
        (days[day] for day in at["day"][chosen].tolist()),
        NAMES[at["series"][chosen]].tolist(),
        *(at[name][chosen].tolist() for name in ("close", "volume", "multiplier")),
        *(getattr(features, name).tolist() for name in Features.__dataclass_fields__),
        strict=True,
    )
    return [Reading(*row) for row in values]
