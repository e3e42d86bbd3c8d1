"""Compute the session of each buy, from premarket-retry to the close: `SymbolRun.withdrawn`, `fitted` and `trade`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.research.line_engine.bars import SPAN, Bars, Mask
from tradectl.research.line_engine.levels import Held, Levels, Rule
from tradectl.research.line_engine.orders import Orders, sizes, times
from tradectl.strategy.entry import free_of
from tradectl.strategy.parameters import Parameters, exact


class Outcome(IntEnum):
    """Say what became of a buy in its session."""

    UNFILLED = 0
    SOLD = 1
    """Bought, and sold on the same day."""
    HELD = 2
    """Bought and still held at the close."""
    SPECIAL = 3
    """Only `SymbolRun` knows."""


@dataclass(frozen=True, eq=False)
class FirstSessions:
    """Hold the outcome of each order.

    Attributes:
        outcome: Values of Outcome.
        quantity: Bought shares.
        price: Paise paid for a share.
        entry: The same price in adjusted rupees.
        sold: The price of the sale on the same day in paise.
        buy_at_open, sell_at_open: Whether the fill is at the open.
        stopped: Whether the stop sold.
        ambiguous: Whether the bar reached the stop and the target.
    """

    outcome: NDArray[np.int8]
    quantity: Ints
    price: Ints
    entry: Floats
    sold: Ints
    buy_at_open: Mask
    sell_at_open: Mask
    stopped: Mask
    ambiguous: Mask


def first_sessions(bars: Bars, rule: Rule, orders: Orders, parameters: Parameters) -> FirstSessions:
    """Return the outcome of each order in its session."""
    count = len(orders.decided)
    found = FirstSessions(
        np.full(count, Outcome.UNFILLED, dtype=np.int8),
        *(np.zeros(count, dtype=kind) for kind in (np.int64, np.int64, np.float64, np.int64)),
        *(np.zeros(count, dtype=np.bool_) for _ in range(4)),
    )
    due = np.flatnonzero(orders.there & ~_withdrawn(bars, orders, parameters))
    opened = bars.open[orders.place[due]]
    price = np.minimum(opened, orders.limit[due])
    due = due[~rule.reward_gone(orders.place[due], _held(bars, orders.place[due], price), price)]
    if len(due):
        _trade(bars, rule, parameters, found, orders, due)
    return found


def _held(bars: Bars, places: Ints, prices: Ints) -> Held:
    """Return the positions after buys at some prices (paise)."""
    return Held(prices / 100 * bars.multiplier[places], bars.rows(places))


def _withdrawn(bars: Bars, orders: Orders, parameters: Parameters) -> Mask:
    """Return which orders premarket-retry cancels, as `SymbolRun.withdrawn`. Ex-dates were checked at the decision."""
    last = bars.close[np.maximum(np.searchsorted(bars.keys, bars.symbol[orders.decided] * SPAN + orders.session) - 1, 0)]
    found: Mask = np.abs(orders.limit - last) > times(last, exact(parameters.limit_distance))
    symbol = bars.symbol[orders.decided]
    for n, context in enumerate(bars.contexts):
        if context.excluded:
            mine = np.flatnonzero(symbol == n)
            found[mine] |= ~free_of(orders.session[mine] - 1, context.excluded)
    return found


def _trade(bars: Bars, rule: Rule, parameters: Parameters, found: FirstSessions, orders: Orders, due: Ints) -> None:
    """Write the outcome of the orders `due`, as `SymbolRun.fitted`, `trade` and `session.closed_form` without held shares."""
    own = orders.take(due)
    place, limit = own.place, own.limit
    opened, high, low, close = (column[place] for column in (bars.open, bars.high, bars.low, bars.close))
    quantity = _changed(own.quantity, sizes(np.minimum(opened, limit), own, parameters), parameters)
    if parameters.amo_adjust_reprice:
        limit = np.where(opened < limit, opened // bars.tick[place] * bars.tick[place], limit)
    price = np.minimum(opened, limit)
    held = _held(bars, place, price)
    at = rule.levels(place, held)
    same_day = _same_day(bars, place)
    at_open = opened <= limit
    dips = ~at_open & (low <= limit)
    shares, later = at_open & same_day, dips & same_day
    sells_open = shares & ((opened >= at.target) | (opened <= at.stop))
    low_first = opened - low <= high - opened
    after_low = np.where(low_first, high, close)
    stopped = ~sells_open & (low <= at.stop) & (shares | later)
    reaches = np.where(shares, high, after_low) >= at.target
    rises = ~sells_open & ~stopped & reaches & (shares | later)
    stop = np.where(shares, at.stop, np.minimum(at.stop, limit))
    found.outcome[due] = np.select(
        [_special(bars, place, at, filled=at_open | dips), sells_open | stopped | rises, at_open | dips],
        [Outcome.SPECIAL, Outcome.SOLD, Outcome.HELD],
        Outcome.UNFILLED,
    )
    found.quantity[due], found.price[due], found.entry[due] = quantity, price, held.entry
    found.sold[due] = np.select([sells_open, stopped, rises], [opened, stop, at.target], 0)
    found.buy_at_open[due], found.sell_at_open[due], found.stopped[due] = at_open, sells_open, stopped
    found.ambiguous[due] = stopped & reaches


def _special(bars: Bars, places: Ints, at: Levels, *, filled: Mask) -> Mask:
    """Return which sessions need `SymbolRun`: those with minute bars, and a buy whose stop is unknown."""
    nearest = np.searchsorted(bars.special, places)
    marked = bars.special[np.minimum(nearest, len(bars.special) - 1)] == places if len(bars.special) else np.zeros_like(filled)
    found: Mask = marked | (at.unknown & filled)
    return found


def _changed(quantity: Ints, wanted: Ints, parameters: Parameters) -> Ints:
    """Return the quantities after amo-adjust, as `sizing.worth_changing`."""
    least = np.maximum(1, -times(-quantity, exact(parameters.amo_adjust_step)))
    return np.where((wanted > 0) & (np.abs(wanted - quantity) >= least), wanted, quantity)


def _same_day(bars: Bars, places: Ints) -> Mask:
    """Return whether shares bought on a bar may be sold on its day."""
    found = np.ones(len(places), dtype=np.bool_)
    symbol = bars.symbol[places]
    for n, context in enumerate(bars.contexts):
        apart = np.logical_or.reduce([context.history.series == series for series in sorted(TRADE_FOR_TRADE)])
        if apart.any():
            mine = np.flatnonzero(symbol == n)
            found[mine] = ~apart[places[mine] - bars.begins[n]]
    return found
