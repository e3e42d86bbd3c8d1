"""Decide the buy of each entry bar, as if the symbol had no shares and no order before: `SymbolRun.wanted` and `sized`."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.charge_rows import by_rates, most_affordable
from tradectl.model.history import Ints
from tradectl.research.line_engine.bars import NEVER, SPAN, Bars, Mask, any_between
from tradectl.research.vectorized.rules import floor_times
from tradectl.strategy.entry import admission_mask
from tradectl.strategy.exits import entry_limit
from tradectl.strategy.parameters import Parameters, exact


class Orders(NamedTuple):
    """Hold the buys of all entry bars, by symbol and then by date.

    Attributes:
        decided: The place of the entry bar.
        session: The session of the order (ordinal).
        place: The place of its bar; without one, the place after the symbol's last earlier bar.
        there: Whether the symbol has a bar of that session in the span.
        limit: In paise.
        turnover: The average turnover on the evening of the decision, in paise.
    """

    decided: Ints
    session: Ints
    place: Ints
    there: Mask
    limit: Ints
    turnover: Ints
    quantity: Ints

    def take(self, chosen: NDArray[Any]) -> Orders:
        """Return some orders, by a mask or indices."""
        return Orders(*(column[chosen] for column in self))


def admitted_entries(bars: Bars, entries: Mask, parameters: Parameters) -> Ints:
    """Return the places of the entry bars on which the rules of the universe hold, too.

    `entries`: whether the entry rule holds at each place."""
    found = [np.empty(0, dtype=np.int64)]
    chosen = entries & bars.runs & bars.trusted
    for n, context in enumerate(bars.contexts):
        inside = np.flatnonzero(chosen[bars.opens[n] : bars.closes[n]]) + bars.opens[n]
        if len(inside) and bars.shares[n]:
            rows = inside - bars.begins[n]
            mask = admission_mask(context.history.take(rows), context.liquidity(rows), parameters, context.excluded)
            found.append(inside[mask])
    return np.concatenate(found)


def _by_symbol(bars: Bars, places: Ints) -> list[Ints]:
    """Return ascending places, those of each symbol apart."""
    return np.split(places, np.searchsorted(places, bars.begins[1:]))


def orders_of(bars: Bars, places: Ints, parameters: Parameters) -> Orders:
    """Return the buys that entries on the closes of some places make. An entry without a buy is left out."""
    session = bars.calendar.following[bars.sessions[places] - bars.calendar.first]
    through = bars.symbol[places] * SPAN + session
    place = np.searchsorted(bars.keys, through)
    there = (place < bars.closes[bars.symbol[places]]) & (bars.keys[np.minimum(place, len(bars.keys) - 1)] == through)
    turnover = [context.average_turnover[rows - begin] for context, rows, begin in _rows(bars, places)]
    found = Orders(places, session, place, there, places, np.concatenate([places[:0], *turnover]), places)
    found = found.take((session < NEVER) & ~any_between(bars.barring, bars.keys[places], through))
    found = found._replace(limit=_limits(bars, found, parameters))
    found = found._replace(quantity=sizes(found.limit, found, parameters))
    return found.take(found.quantity > 0)


def _rows(bars: Bars, places: Ints) -> list[tuple[Any, Ints, int]]:
    found = zip(bars.contexts, _by_symbol(bars, places), bars.begins.tolist(), strict=True)
    return [item for item in found if len(item[1])]


def _limits(bars: Bars, orders: Orders, parameters: Parameters) -> Ints:
    """Return the limits of the orders, as `exits.entry_limit`. The tick size is that of the order's session."""
    close, tick = bars.close[orders.decided], bars.tick[np.where(orders.there, orders.place, 0)]
    limit: Ints = times(close, 1 + exact(parameters.entry_premium)) // tick * tick
    for i in np.flatnonzero(~orders.there).tolist():
        instrument = bars.contexts[int(bars.symbol[orders.decided[i]])].instrument(date.fromordinal(int(orders.session[i])))
        limit[i] = entry_limit(int(close[i]), instrument.tick_size, parameters)
    return limit


def sizes(prices: Ints, orders: Orders, parameters: Parameters) -> Ints:
    """Return the quantity of each order at a price in paise, as `sizing.size` without a limit of funds."""
    most = int(min(exact(parameters.capital_per_trade), exact(parameters.max_order_value)) * 100)
    quantity = np.zeros(len(prices), dtype=np.int64)
    for table, inside in by_rates(orders.session, parameters.tariff):
        priced = inside[prices[inside] > 0]
        quantity[priced] = most_affordable(np.full(len(priced), most), prices[priced], table)
    turnover = times(np.maximum(orders.turnover, 0), exact(parameters.turnover_share))
    found: Ints = np.minimum(quantity, turnover // np.maximum(prices, 1))
    return found


def times(values: Ints, factor: Fraction) -> Ints:
    """Return values x a fraction, rounded down."""
    return floor_times(values, np.array([factor.numerator]), np.array([factor.denominator]))
