"""Compute rules of `strategy` for many lanes at once, with the same arithmetic on arrays with one value per lane.

Tests compare each function with its counterpart in `strategy`, which computes one symbol with one setting.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.charge_rows import most_affordable
from tradectl.model.history import Floats, Ints
from tradectl.research.vectorized.settings import ParameterArrays

Mask = NDArray[np.bool_]
_MOST = 2**63 - 1
"""The largest 64-bit integer."""


def entry_limits(closes: Ints, ticks: Ints, parameters: ParameterArrays) -> Ints:
    """Return the limit of each buy in paise, as `exits.entry_limit`."""
    numerators, denominators = parameters.ratio("entry_premium")
    return floor_times(closes, denominators + numerators, denominators) // ticks * ticks


def levels_at_entry(rsi: Floats, parameters: ParameterArrays) -> Ints:
    """Return the level of an entry at each RSI, as `reentry.level_at_entry`."""
    first, second, third = parameters.reentry_first, parameters.reentry_second, parameters.reentry_third
    level: Ints = np.where(rsi < third, third, np.where(rsi < second, second, first))
    return level


def next_levels(last_levels: Ints, reset: Mask, rsi: Floats, above_slow: Mask, parameters: ParameterArrays) -> Ints:
    """Return the level of a re-entry decided on this close, as `reentry.next_level`; 0 for no re-entry.

    `reset`: whether RSI was above the first level on a close after the bar on which the last filled buy was decided.
    """
    first, second, third = parameters.reentry_first, parameters.reentry_second, parameters.reentry_third
    lower = np.where(first < last_levels, first, np.where(second < last_levels, second, np.where(third < last_levels, third, 0)))
    again = np.where(above_slow, first, np.where(parameters.allow_below_ema200, second, 0))
    level = np.where(reset, again, lower)
    return np.where(rsi < level, level, 0)


def sizes(prices: Ints, *, session: date, parameters: ParameterArrays, average_turnover: Ints) -> Ints:
    """Return the quantity of each buy, as `sizing.size` without a limit of funds.

    `prices`: paise, above 0. `average_turnover`: paise."""
    turnover = floor_times(np.maximum(average_turnover, 0), *parameters.ratio("turnover_share"))
    quantity: Ints = np.minimum(most_affordable(parameters.most, prices, parameters.tariff.rates(session)), turnover // prices)
    return quantity


def too_far_rows(prices: Ints, last_closes: Ints, parameters: ParameterArrays) -> Mask:
    """Return which limits are further from the last close than allowed, as `risk.too_far`. Prices are in paise."""
    return abs(prices - last_closes) > floor_times(last_closes, *parameters.ratio("limit_distance"))


def worth_changing_rows(current: Ints, wanted: Ints, parameters: ParameterArrays) -> Mask:
    """Return which order quantities amo-adjust changes, as `sizing.worth_changing`."""
    numerators, denominators = parameters.ratio("amo_adjust_step")
    changed: Mask = np.abs(wanted - current) >= np.maximum(1, -floor_times(-current, numerators, denominators))
    return changed


def floor_times(values: Ints, numerators: Ints, denominators: Ints) -> Ints:
    """Return `values` x numerators / denominators, rounded down. It is exact, and fast if the products fit 64 bits."""
    if not len(values):
        return values
    if max(abs(int(values.max())), abs(int(values.min()))) * int(abs(numerators).max()) <= _MOST:
        return values * numerators // denominators
    return (values.astype(object) * numerators // denominators).astype("int64")
