"""The scan: what the rules look at, for all instruments of a row at once, carried on from session to session.

A `FeatureState` holds what one more row of bars needs from the past: the smoothed values, and rings with the last bars of each
window. An instrument counts its own bars: where it has none, its values do not move. After a row every instrument has, bit for
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

from tradectl.model.history import Floats, Ints
from tradectl.model.opening_gap import within_band
from tradectl.model.panel import NAMES, Row
from tradectl.strategy.features import TREND_LOOKBACK, Features, Reading, quality_points
from tradectl.strategy.indicators import ema_share, rsi_share, strength_index
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.trusted_prices import suspicious

RULES = ("backtest", "exchange", "model", "screener", "strategy")
"""The packages whose source decides what a scan holds, and what a rule makes of it."""
PanelColumns = NDArray[np.intp]
"""Which instruments are meant: their columns in the panel."""


class Windows(NamedTuple):
    """All that a scan depends on besides the bars: how many of them each indicator looks at."""

    rsi: int
    fast: int
    slow: int
    average: int
    quality: int
    candles: int

    @classmethod
    def of(cls, p: Parameters) -> Windows:
        return cls(p.rsi_period, p.ema_fast, p.ema_slow, p.average_window, p.quality_window, p.quality_candle_window)


def layout(windows: Windows) -> Mapping[str, tuple[str, int]]:
    """Every array of a scan: its type, and the length of its ring (0: one value an instrument)."""
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
    """`instruments` as the panel's columns; `session` the ordinal of the last row taken in (0: none). `arrays` by `layout`, one
    column an instrument; `day`, `series`, `close`, `volume` and `multiplier` are of its own last bar, as traded. `jump`: the
    number of its last bar whose open contradicts the close before, counted from 1; 0 without one."""

    instruments: tuple[str, ...]
    windows: Windows
    session: int
    arrays: dict[str, NDArray[Any]]

    @classmethod
    def empty(cls, instruments: Sequence[str], windows: Windows) -> FeatureState:
        """Before the first bar of anybody."""
        n = len(instruments)
        arrays = {name: np.zeros((size, n) if size else n, dtype=kind) for name, (kind, size) in layout(windows).items()}
        return cls(tuple(instruments), windows, 0, arrays)

    def copy(self) -> FeatureState:
        """The same, to look one row ahead without moving."""
        return FeatureState(
            self.instruments, self.windows, self.session, {name: values.copy() for name, values in self.arrays.items()}
        )

    def alone(self, instrument_id: str) -> FeatureState | None:
        """A copy with this instrument only; None where it is not there."""
        if instrument_id not in self.instruments:
            return None
        column = self.instruments.index(instrument_id)
        arrays = {name: values[..., column : column + 1].copy() for name, values in self.arrays.items()}
        return FeatureState((instrument_id,), self.windows, self.session, arrays)

    def among(self, instruments: Sequence[str]) -> FeatureState:
        """The same for these columns; an instrument that was not there has no bar yet."""
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
        """The columns of these instruments. KeyError for one that is not there."""
        column = {instrument_id: number for number, instrument_id in enumerate(self.instruments)}
        return np.array([column[name] for name in instruments], dtype=np.intp)


def advance(state: FeatureState, row: Row) -> None:
    """Take in one more row, in place: a scan is too large to be copied for each of thousands of sessions."""
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
    """Note the bars whose open contradicts the close before: `trusted_prices.jumps` looks closer at them."""
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
    """The recurrences of `indicators`, one step: an average begins at its first value, and a change at nothing."""
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
    """A running total, and what it grew by within its window."""
    at = state.arrays
    total = at[f"{name}_total"][chosen] + values
    at[f"{name}_sum"][chosen] = total - _get(at[f"{name}_totals"], places)
    at[f"{name}_total"][chosen] = total
    _put(at[f"{name}_totals"], places, total)


def _places(state: FeatureState, chosen: PanelColumns, number: Ints, size: int) -> PanelColumns:
    """Where a ring of that size keeps each instrument's bar of that number."""
    return number % size * len(state.instruments) + chosen


def _get(ring: NDArray[Any], places: PanelColumns) -> NDArray[Any]:
    """What stands in these places: the value of one whole turn ago, before the new one is put."""
    found: NDArray[Any] = ring.reshape(-1)[places]
    return found


def _put(ring: NDArray[Any], places: PanelColumns, values: NDArray[Any]) -> None:
    ring.reshape(-1)[places] = values


def columns(state: FeatureState, chosen: PanelColumns, parameters: Parameters) -> Features:
    """The last row of `features` of each of these instruments, as its last own bar left it."""
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
    """Values that mean something from the bar of that number on, counted from 1."""
    return np.where(bars >= least, values, np.nan)


def _rsi(state: FeatureState, chosen: PanelColumns) -> Floats:
    value = strength_index(state.arrays["up"][chosen], state.arrays["down"][chosen])
    return _from(state.windows.rsi, state.arrays["bars"][chosen], value)


def _medians(window: Ints) -> Ints:
    """Medians down the columns; of an even window the floor of the mean of the middle two."""
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


def readings(state: FeatureState, chosen: PanelColumns, features: Features) -> list[Reading]:
    """The rows of `columns` as plain numbers, each with the bar it is of."""
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
