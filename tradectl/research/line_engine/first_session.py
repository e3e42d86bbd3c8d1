"""Compute the session of each buy, from premarket-retry to the close: `SymbolRun.withdrawn`, `fitted` and `trade`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.research.line_engine.bars import SPAN, Bars, Mask, lies_in
from tradectl.research.line_engine.levels import Held, Rule
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
    """

    outcome: NDArray[np.int8]
    quantity: Ints
    price: Ints
    entry: Floats
    sold: Ints
    buy_at_open: Mask
    sell_at_open: Mask

    @classmethod
    def unfilled(cls, count: int) -> FirstSessions:
        """Return the outcome of so many orders that do not fill."""
        whole = (np.zeros(count, dtype=np.int64) for _ in range(3))
        masks = (np.zeros(count, dtype=np.bool_) for _ in range(2))
        quantity, price, sold = whole
        return cls(np.zeros(count, dtype=np.int8), quantity, price, np.zeros(count), sold, *masks)

    def put(self, chosen: Ints, found: FirstSessions) -> None:
        """Write the outcome of some orders."""
        for item in fields(self):
            getattr(self, item.name)[chosen] = getattr(found, item.name)


def first_sessions(bars: Bars, rule: Rule, orders: Orders, parameters: Parameters) -> FirstSessions:
    """Return the outcome of each order in its session."""
    found = FirstSessions.unfilled(len(orders.decided))
    due = np.flatnonzero(orders.there & ~_withdrawn(bars, orders, parameters))
    opened = bars.open[orders.place[due]]
    price = np.minimum(opened, orders.limit[due])
    due = due[~rule.reward_gone(orders.place[due], _held(bars, orders.place[due], price), price)]
    if len(due):
        found.put(due, _traded(bars, rule, parameters, orders.take(due)))
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


def _traded(bars: Bars, rule: Rule, parameters: Parameters, own: Orders) -> FirstSessions:
    """Return the outcome of orders, as `SymbolRun.fitted`, `trade` and `session.closed_form` without held shares."""
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
    filled = at_open | dips
    special = ((at.unknown | stopped) & filled) | (lies_in(bars.with_minutes, place) & (~at_open | rule.has_levels))
    outcomes = [(special, Outcome.SPECIAL), (sells_open | rises, Outcome.SOLD), (filled, Outcome.HELD)]
    return FirstSessions(
        outcome=np.select([mask for mask, _ in outcomes], [value for _, value in outcomes], Outcome.UNFILLED).astype(np.int8),
        quantity=quantity,
        price=price,
        entry=held.entry,
        sold=np.select([sells_open, rises], [opened, at.target], 0),
        buy_at_open=at_open,
        sell_at_open=sells_open,
    )


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
