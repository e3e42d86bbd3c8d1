"""A paper broker, its clock and its market in one hand, with the words that tests use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.brokers.market import MarketListing, MemoryMarket, flat_bars
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import Bar, CorporateAction, Instrument
from tradectl.model.moment import at_ist
from tradectl.model.order import OrderReport, OrderRequest, OrderType, Side, TradeReport, Variety

CASH = 1_00_00_000_00
"""Rs 1,00,00,000 in paise."""


def ist(day: date, text: str) -> datetime:
    """A moment in UTC from a date and an Indian time such as 09:15 or 09:15:30."""
    return at_ist(day, time.fromisoformat(text)).astimezone(UTC)


def listing(
    symbol: str = "ACME", bars: Sequence[Bar] = (), *, tick: int = 5, actions: Sequence[CorporateAction] = (), **facts: Any
) -> MarketListing:
    instrument = Instrument(symbol, symbol, facts.pop("series", "EQ"), f"INE{symbol}", tick, **facts)
    return MarketListing(instrument, list(bars), list(actions))


def bar(day: date, opened: int, high: int, low: int, close: int, volume: int = 375_000, series: str = "EQ") -> Bar:
    return Bar(day, opened, high, low, close, volume, series)


class Floor:
    """`broker` with `clock`; every command goes through the real adapter."""

    def __init__(self, file: Path, market: MemoryMarket, at: datetime, cash: int, **options: Any) -> None:
        self.file, self.market, self.options = file, market, {"durable": False, **options}
        self.sessions = SessionTable.load()
        self.clock = VirtualClock(at)
        self.broker = self.another()
        self.broker.open_account(cash)
        self._tags = count(1)

    def another(self) -> PaperBroker:
        """A second broker on the same file, as another process has it."""
        return self.another_at(self.clock)

    def another_at(self, clock: VirtualClock) -> PaperBroker:
        return PaperBroker(self.file, "asha", clock, self.market, self.sessions, **self.options)

    def to(self, day: date, text: str) -> None:
        self.clock.move_to(ist(day, text))

    def place(
        self, side: Side, quantity: int, price: int, symbol: str = "ACME", *, amo: bool = False, tag: str | None = None
    ) -> str:
        """A limit order, or a market order for price 0."""
        kind = OrderType.LIMIT if price else OrderType.MARKET
        variety = Variety.AMO if amo else Variety.REGULAR
        name = tag or f"TAG{next(self._tags)}"
        return self.broker.place(OrderRequest(name, symbol, side, quantity, price, kind, variety))

    def buy(self, quantity: int, price: int, symbol: str = "ACME", **how: Any) -> str:
        return self.place(Side.BUY, quantity, price, symbol, **how)

    def sell(self, quantity: int, price: int, symbol: str = "ACME", **how: Any) -> str:
        return self.place(Side.SELL, quantity, price, symbol, **how)

    def order(self, order_id: str) -> OrderReport:
        return next(order for order in self.broker.orders() if order.broker_order_id == order_id)

    def fills(self, order_id: str) -> list[TradeReport]:
        return [trade for trade in self.broker.trades() if trade.broker_order_id == order_id]

    def check_money(self) -> None:
        """Cash is the sum of the cash entries, and everything owned came from somewhere, to the paisa."""
        statement = self.broker.statement()
        assert statement.cash == sum(entry.amount for entry in statement.cash_entries) == self.broker.funds().cash
        assert statement.difference == 0


def quiet(symbol: str, days: Sequence[date], price: int = 10000, **facts: Any) -> MarketListing:
    """A listing whose price never moves."""
    return listing(symbol, flat_bars(days, price), **facts)
