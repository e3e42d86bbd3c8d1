"""List the positions of a run as columns, with their charges, and the trades of all symbols."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.charge_rows import by_rates, side_charges
from tradectl.exchange.charges import day_charges
from tradectl.model.history import Ints
from tradectl.model.order import Fill, Side
from tradectl.model.position import Folded, fold
from tradectl.research.line_engine.bars import Bars
from tradectl.research.line_engine.engine import LineRun, SpecialPosition
from tradectl.research.line_engine.first_session import Outcome
from tradectl.research.vectorized.fills import TradeColumns, trade_columns


class Positions(NamedTuple):
    """Hold the positions that arrays computed, by symbol and then by date. Amounts are in paise.

    Attributes:
        number: The index of the order.
        bought: The place of the buy.
        sold: The place of the sale; -1 if the shares are still held.
        paid, received: The price of the buy and of the sale.
    """

    number: Ints
    symbol: Ints
    bought: Ints
    sold: Ints
    quantity: Ints
    paid: Ints
    received: Ints
    buy_charges: Ints
    sell_charges: Ints

    def take(self, chosen: NDArray[Any] | slice) -> Positions:
        """Return some positions, by a mask, indices or a slice."""
        return Positions(*(column[chosen] for column in self))


def positions_of(run: LineRun) -> Positions:
    """Return the positions of a run without those in `run.special`."""
    bars, orders, firsts, exits = run.bars, run.orders, run.firsts, run.exits
    number = run.taken[firsts.outcome[run.taken] != Outcome.UNFILLED]
    bought, same_day = orders.place[number], firsts.outcome[number] == Outcome.SOLD
    symbol = bars.symbol[bought]
    sold = np.where(same_day, bought, exits.place[number])
    sold = np.where(sold < bars.closes[symbol], sold, -1)
    quantity, paid = firsts.quantity[number], firsts.price[number]
    received = np.where(same_day, firsts.sold[number], exits.price[number])
    closed, tariff = np.flatnonzero(sold >= 0), bars.contexts[0].parameters.tariff
    buy_charges, sell_charges = np.zeros(len(number), dtype=np.int64), np.zeros(len(number), dtype=np.int64)
    everywhere = np.arange(len(number))
    for side, places, prices, chosen, into in (
        (Side.BUY, bought, paid, everywhere, buy_charges),
        (Side.SELL, sold, received, closed, sell_charges),
    ):
        for table, inside in by_rates(bars.sessions[places[chosen]], tariff):
            for intraday in (False, True):
                rows = chosen[inside]
                rows = rows[same_day[rows] == intraday]
                into[rows] = side_charges(side, quantity[rows] * prices[rows], table, intraday=intraday)
    return Positions(
        number=number,
        symbol=symbol,
        bought=bought,
        sold=sold,
        quantity=quantity,
        paid=paid,
        received=received,
        buy_charges=buy_charges,
        sell_charges=sell_charges,
    )


def trades_of(run: LineRun) -> TradeColumns:
    """Return the closed trades of a run. `instrument` is the number of the symbol, and `setting` is 0."""
    bars, held = run.bars, positions_of(run)
    closed = held.take(held.sold >= 0)
    cost, charges = closed.quantity * closed.paid, closed.buy_charges + closed.sell_charges
    gross = closed.quantity * closed.received - cost
    parts = [
        TradeColumns(
            setting=np.zeros(len(cost), dtype=np.int64),
            instrument=closed.symbol,
            entry_session=bars.sessions[closed.bought],
            exit_session=bars.sessions[closed.sold],
            quantity=closed.quantity,
            entry_quantity=closed.quantity,
            entry_price=closed.paid,
            exit_price=closed.received,
            gross=gross,
            charges=charges,
            net=gross - charges,
            cost=cost,
        )
    ]
    for n, specials in run.special.items():
        parts += [trade_columns(folded_special(bars, special).trades, n, len(bars.contexts)) for special in specials]
    return TradeColumns.joined(parts)


def folded_special(bars: Bars, special: SpecialPosition) -> Folded:
    """Return the position that `SymbolRun` ran."""
    return fold(special.fills, special.adjustments, charges_of(bars, special.fills))


def charges_of(bars: Bars, fills: tuple[Fill, ...]) -> dict[str, int]:
    """Return the charges (paise) of some fills of one symbol by fill id."""
    found: dict[str, int] = {}
    for day, of_day in groupby(fills, key=lambda fill: fill.session):
        found.update(day_charges(day, list(of_day), bars.contexts[0].parameters.tariff).by_fill)
    return found
