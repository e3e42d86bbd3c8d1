"""What one read hid is booked by the next one: a row that was wrong once, a trade that another process took out of the book."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from tests.support.trading import D, entry, follow, stock
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.model.order import OrderRequest, OrderStatus, Side, Variety

FALLS = {D: (9500, 9600, 9300, 9400)}


class PartlyFilled:
    """The paper exchange, whose buy has traded 60 of 100 shares; `price` replaces the limit in the order's row."""

    def __init__(self, broker: Any) -> None:
        self._broker, self.price = broker, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def orders(self) -> tuple[Any, ...]:
        values = {"status": OrderStatus.ONGOING, "filled_quantity": 60, "price": self.price}
        return tuple(replace(row, **values) for row in self._broker.orders())

    def trades(self) -> tuple[Any, ...]:
        return tuple(replace(trade, quantity=60) for trade in self._broker.trades())


def test_trades_set_aside_with_a_wrong_row_are_booked_later(trading) -> None:
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:20")
    broker = PartlyFilled(market.broker)
    follow(market.ledger.book, broker, market.market, market.clock)
    assert (market.positions, list(market.ledger.book.broker.odd)) == ((), ["contradictions"])
    broker.price = 9600  # the trades are the same as before
    market.clock.sleep(60)
    follow(market.ledger.book, broker, market.market, market.clock)
    assert [position.quantity for position in market.positions] == [60]
    assert [order.filled_quantity for order in market.orders(Side.BUY)] == [60]


def test_a_trade_that_another_process_took_out_is_booked_again(trading) -> None:
    """`orders resolve` joins an order and its trade; its own read fails, so a running monitor must book the trade."""
    market = trading(stock(on=FALLS))
    market.to(D, "09:20")
    book, broker = market.ledger.book, market.broker
    follow(book, broker, market.market, market.clock)
    order = market.record(market.claim("sends", D), replace(entry(100, 9600), leg="other", variety=Variety.REGULAR), "TAG")
    number = broker.place(OrderRequest("", "ACME", Side.BUY, 100, 9600))
    order = book.intents.record_outcome(order, OrderStatus.UNKNOWN, market.clock.now(), reason="no reply")
    market.clock.sleep(60)
    follow(book, broker, market.market, market.clock)
    assert ([fill.external for fill in book.fills()], market.positions) == ([True], ())
    other = Ledger(open_database(market.folder / "ledger.db", durable=False), "asha").book
    trades = [trade.trade_id for trade in broker.trades()]
    other.link_to_broker_order(other.order(order.id), number, trades, "it is ours", market.clock.now())
    market.clock.sleep(60)
    follow(book, broker, market.market, market.clock)
    assert [position.quantity for position in market.positions] == [100]
    assert [fill.external for fill in book.fills()] == [False]


class SlowBroker:
    """The paper exchange, where each order takes four minutes. `ages`: how old the quotes were when an order was sent."""

    def __init__(self, broker: Any, clock: Any) -> None:
        self._broker, self._clock, self._quoted = broker, clock, clock.now()
        self.ages: list[timedelta] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def quotes(self, symbols: Any) -> Any:
        self._quoted = self._clock.now()
        return self._broker.quotes(symbols)

    def place(self, request: OrderRequest) -> str:
        self.ages.append(self._clock.now() - self._quoted)
        number = self._broker.place(request)
        self._clock.sleep(240)
        return number


def test_no_sell_is_priced_by_a_quote_that_became_stale(trading) -> None:
    market = trading(stock(on=FALLS), stock("BETA", on=FALLS))
    market.buy(100, 9600)
    market.buy(100, 9600, symbol="BETA")
    market.to(D, "09:20")
    broker = SlowBroker(market.broker, market.clock)
    market.world = replace(market.world, broker=broker)
    market.monitor(D, "09:40")
    assert broker.ages == [timedelta(0), timedelta(0)]
    assert sorted(order.symbol for order in market.orders(Side.SELL)) == ["ACME", "BETA"]
