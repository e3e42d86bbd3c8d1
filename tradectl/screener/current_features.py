"""Read the features after the last bar of each instrument from a `FeatureState`.

They equal the last row of `strategy.features.features` bit for bit. Values that take long to compute (medians, extremes of
windows) are computed only for the chosen instruments.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from tradectl.model.history import Floats, Ints
from tradectl.model.panel import NAMES
from tradectl.screener.state import DOWN, FAST, SLOW, UP, FeatureState, PanelColumns
from tradectl.strategy.features import TREND_LOOKBACK, Features, Reading, quality_points
from tradectl.strategy.indicators import strength_index
from tradectl.strategy.parameters import Parameters


def current_features(state: FeatureState, chosen: PanelColumns, parameters: Parameters) -> Features:
    """Return the features of the chosen instruments after their last bar, one array element per instrument."""
    at, windows = state.arrays, state.windows
    bars, turnovers = at["bars"][chosen], at["turnovers"][:, chosen]
    up, down, fast, slow = (at["averages"][row, chosen] for row in (UP, DOWN, FAST, SLOW))
    enough = bars >= windows.average
    with np.errstate(divide="ignore", invalid="ignore"):
        average = _growth(state, "volume", windows.average, chosen) / windows.average
        ratio = at["volume"][chosen] / at["multiplier"][chosen] / average
    slow_before = at["slows"][(bars - 1 - TREND_LOOKBACK) % (TREND_LOOKBACK + 1), chosen]
    return Features(
        close=at["adjusted"][chosen],
        rsi=_from(windows.rsi, bars, strength_index(up, down)),
        ema_fast=_from(windows.fast, bars, fast),
        ema_slow=_from(windows.slow, bars, slow),
        ema_slow_before=_from(windows.slow + TREND_LOOKBACK, bars, slow_before),
        volume_ratio=np.where(enough, ratio, np.nan),
        average_turnover=np.where(enough, turnovers.sum(axis=0) // windows.average, -1),
        median_turnover=np.where(enough, _medians(turnovers), -1),
        quality=_quality(state, chosen, parameters),
        bars=bars,
    )


def _from(least: int, bars: Ints, values: Floats) -> Floats:
    """Return the values, with NaN for instruments that have fewer than `least` bars."""
    return np.where(bars >= least, values, np.nan)


def _growth(state: FeatureState, name: str, window: int, chosen: PanelColumns) -> Floats:
    """Return the growth of a running total over the last `window` bars."""
    at = state.arrays
    growth: Floats = at[f"{name}_total"][chosen] - at[f"{name}_totals"][(at["bars"][chosen] - 1 - window) % (window + 1), chosen]
    return growth


def _medians(window: Ints) -> Ints:
    """Return the median of each column. For an even number of rows: the mean of the middle two, rounded down."""
    high = len(window) // 2
    low = high - 1 if len(window) % 2 == 0 else high
    ordered = np.sort(window, axis=0)
    middle: Ints = (ordered[low] + ordered[high]) // 2
    return middle


def _quality(state: FeatureState, chosen: PanelColumns, p: Parameters) -> Floats:
    """Return the chart quality of the chosen instruments in points; NaN for too few bars."""
    at, long, short = state.arrays, state.windows.quality, state.windows.candles
    bars = at["bars"][chosen]
    latest_first = (bars - 1 - np.arange(long + 1)[:, np.newaxis]) % (long + 1)
    high, low = at["highs"][latest_first, chosen], at["lows"][latest_first, chosen]
    gap = (low[:-1] > high[1:]) | (high[:-1] < low[1:])
    gap[-1] &= bars > long  # no gap before the first bar
    with np.errstate(divide="ignore", invalid="ignore"):
        price_range = high[:-1].max(axis=0) / low[:-1].min(axis=0) - 1
    bodies, limit = at["bodies"][:, chosen], p.quality_candle_multiple * (_growth(state, "spread", short, chosen) / short)
    large = bodies > p.quality_candle_body * at["opens"][:, chosen]
    extreme = (large | (bodies > limit)).sum(axis=0) / short
    mean_range = _growth(state, "range", long, chosen) / long
    points = quality_points(gap.sum(axis=0, dtype=np.int64) / long, mean_range, price_range, extreme, p)
    return _from(max(long, short), bars, points)


def current_readings(state: FeatureState, chosen: PanelColumns, features: Features) -> list[Reading]:
    """Return the result of `current_features` as one `Reading` per instrument, with its last bar."""
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
