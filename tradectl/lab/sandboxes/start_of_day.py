"""Compute an account's state at the start of the day from the current state of the exchange and today's trades.

Brokers list holdings and cash as of the morning, and today's trades separately. Shares of a corporate action that the depository
has not credited yet are in no row, as at a broker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from zlib import crc32

from msgspec import Struct

from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.order import Fill, Funds, Holding, Side, TradeReport
from tradectl.model.series import TRADE_FOR_TRADE

FIRST_TRADE = 10_000_001
_COUNTED = re.compile(r"T(\d+)$")


class OpeningShares(Struct, frozen=True):
    """Shares of one symbol this morning. Of `whole` shares, `fresh` were not delivered yet; `used` were sold today."""

    symbol: str
    whole: int
    fresh: int
    used: int


def sums(trades: Iterable[TradeReport], symbol: str, side: Side) -> tuple[int, int]:
    """Return how many shares of a symbol were bought or sold, and their value in paise."""
    found = [trade for trade in trades if trade.symbol == symbol and trade.side is side]
    return sum(trade.quantity for trade in found), sum(trade.quantity * trade.price for trade in found)


def mornings(now: Sequence[Holding], trades: Sequence[TradeReport], series: Callable[[str], str]) -> Iterator[OpeningShares]:
    """Yield the shares held this morning.

    Args:
        now: The current holdings.
        trades: Today's trades.
        series: Returns the series of a symbol.
    """
    by_symbol = {item.symbol: item for item in now}
    sold_out = [trade.symbol for trade in trades if trade.symbol not in by_symbol]
    for symbol in dict.fromkeys([*by_symbol, *sold_out]):
        item = by_symbol.get(symbol, Holding(symbol, 0, 0, 0))
        bought, sold = sums(trades, symbol, Side.BUY)[0], sums(trades, symbol, Side.SELL)[0]
        of_today, from_before = max(0, bought - sold), max(0, sold - bought)
        restricted = of_today if series(symbol) in TRADE_FOR_TRADE else 0
        before = item.sellable + restricted - of_today + from_before
        delivered = item.quantity + from_before if item.quantity else min(before, from_before)
        if before > 0:
            yield OpeningShares(symbol, before, before - delivered, from_before)


def opening_balance(funds: Funds, trades: Sequence[TradeReport], day: date, tariff: Tariff) -> int:
    """Return the cash in paise before the trades of `day` and their charges by `tariff`."""
    balance = funds.cash
    for symbol in dict.fromkeys(trade.symbol for trade in trades):
        balance += sums(trades, symbol, Side.BUY)[1] - sums(trades, symbol, Side.SELL)[1]
        orders = {name: number for number, name in enumerate(dict.fromkeys(trade.broker_order_id for trade in trades), 1)}
        fills = [
            Fill(item.trade_id, symbol, item.side, item.quantity, item.price, day, item.at, orders[item.broker_order_id])
            for item in trades
            if item.symbol == symbol
        ]
        balance += day_charges(day, fills, tariff).total
    return balance


def number_of(trade: TradeReport) -> int:
    """Return the exchange's number of a trade, unique in a day. Trade ids of an unknown form are hashed to a number."""
    counted = _COUNTED.search(trade.trade_id)
    return FIRST_TRADE - 1 + int(counted[1]) if counted else crc32(trade.trade_id.encode())
