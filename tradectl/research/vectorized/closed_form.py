"""Compute the closed form of `backtest.session` for many lanes: the result of one session along the daily bar.

The comparisons and their order are the same, on arrays. A lane is one instrument with one setting. Do not pass lanes that need
`session.walk`. These have minute bars, an open that is not a multiple of the tick size, or a limit that is not below its target.
`walks` finds the last two cases.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.backtest.session import SessionPlan
from tradectl.model.history import Floats, Ints
from tradectl.research.vectorized.settings import ParameterArrays
from tradectl.strategy.exits import target_price

Mask = NDArray[np.bool_]
NO_CEILING = 2**62
"""A value in paise above all prices."""


class BarArrays(NamedTuple):
    """Hold the bar of each lane, in paise."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints

    def take(self, rows: Ints) -> BarArrays:
        """Return the bars of some lanes."""
        return BarArrays(self.open[rows], self.high[rows], self.low[rows], self.close[rows])


@dataclass(frozen=True)
class PlanArrays:
    """Hold the values of `SessionPlan`, one per lane. NO_CEILING means no ceiling."""

    held: Ints
    ema_level: Floats
    tick: Ints
    buy_limit: Ints
    buy_quantity: Ints
    same_day: Mask
    exit_at_open: Mask
    ceiling: Ints

    def take(self, rows: Ints) -> PlanArrays:
        """Return the plans of some lanes."""
        return PlanArrays(*(getattr(self, item.name)[rows] for item in fields(self)))

    def one(self, i: int) -> SessionPlan:
        """Return the plan of one lane."""
        ceiling = int(self.ceiling[i])
        return SessionPlan(
            held=int(self.held[i]),
            ema_level=float(self.ema_level[i]),
            tick=int(self.tick[i]),
            buy_limit=int(self.buy_limit[i]),
            buy_quantity=int(self.buy_quantity[i]),
            same_day=bool(self.same_day[i]),
            exit_at_open=bool(self.exit_at_open[i]),
            ceiling=None if ceiling == NO_CEILING else ceiling,
        )

    def targets(self, last: Ints, parameters: ParameterArrays) -> Ints:
        """Return the target of each lane in paise. `last`: the last price of each lane in paise."""
        return np.minimum(target_price(self.ema_level, last, self.tick, parameters), self.ceiling)


class ResultArrays(NamedTuple):
    """Hold the result of each lane. Prices are in paise.

    `bought`, `sold`: prices of the buy and of the sell; 0 for none. `shares`: shares offered for sale. `resting`: target price of
    unsold shares; 0 if none are left.
    """

    bought: Ints
    sold: Ints
    shares: Ints
    resting: Ints


def walks(bars: BarArrays, plans: PlanArrays, parameters: ParameterArrays) -> Mask:
    """Return which lanes need `session.walk`: the open is not a multiple of the tick, or the limit is not below its target."""
    wanted = plans.buy_quantity > 0
    crossing = wanted & (plans.buy_limit >= plans.targets(plans.buy_limit, parameters))
    mask: Mask = (bars.open % plans.tick != 0) | crossing
    return mask


def closed_forms(bars: BarArrays, plans: PlanArrays, parameters: ParameterArrays) -> ResultArrays:
    """Return the result of each lane from the four prices of its daily bar."""
    opened, high, low, close = bars
    low_first = opened - low <= high - opened
    at_open, at_low = plans.targets(opened, parameters), plans.targets(low, parameters)
    wanted = plans.buy_quantity > 0
    buys_open = wanted & (opened <= plans.buy_limit)
    new = np.where(plans.same_day, plans.buy_quantity, 0)
    shares = plans.held + np.where(buys_open, new, 0)
    sells_open = (shares > 0) & (plans.exit_at_open | (opened >= at_open))
    rises_first = ~sells_open & ~low_first & (shares > 0) & (high >= at_open)
    over = sells_open | rises_first
    dips = wanted & ~buys_open & ~over & (low <= plans.buy_limit)
    shares += np.where(dips, new, 0)
    sells_late = ~over & (shares > 0) & (np.where(low_first, high, close) >= at_low)
    sold = np.where(sells_open, opened, np.where(rises_first, at_open, np.where(sells_late, at_low, 0)))
    bought = np.where(buys_open, opened, np.where(dips, plans.buy_limit, 0))
    return ResultArrays(bought, sold, shares, np.where((sold == 0) & (shares > 0), at_low, 0))
