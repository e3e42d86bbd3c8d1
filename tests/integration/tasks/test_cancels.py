"""A cancel that the broker cannot be asked for is the failure of its order: the others go on, and it is reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.tasks.test_buy import analysed, signal
from tests.integration.tasks.test_surveillance import WatchedMarket
from tests.support.trading import SESSIONS, D, T, Trading, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import BrokerUnavailable
from tradectl.model.order import OrderStatus, Side

DIPS = {D: (9500, 9600, 9300, 9400)}
"""A day on which nothing reaches the target."""
S = OrderStatus


class Deaf(PaperBroker):
    """A broker that cannot be asked for the cancels of some orders (`deaf`: their ids there). Its book can be read."""

    deaf = frozenset[str | None]()

    def cancel(self, broker_order_id: str) -> None:
        if broker_order_id in self.deaf:
            raise BrokerUnavailable("the gate is closed")
        super().cancel(broker_order_id)


class Market(Trading):
    broker: Deaf

    def _broker(self) -> Deaf:
        return Deaf(self.folder / "paper.db", "asha", self.clock, self.market, SESSIONS, durable=False)

    def statuses(self, side: Side) -> dict[str, OrderStatus]:
        return {order.symbol: order.status for order in self.orders(side)}

    def messages(self) -> list[str]:
        return [line.message for line in self.ledger.logs.list(action="order_not_cancelled")]


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    listings = [stock(name, on=DIPS) for name in ("ACME", "BETA")]
    made = Market(tmp_path, *listings)
    made.market = WatchedMarket(*listings, lists={})
    made.broker.close()
    made.broker = made._broker()
    made.world = made._world()
    yield made
    made.broker.close()


def test_the_morning_cancels_the_other_buys(market: Market) -> None:
    analysed(market, signal(), signal("BETA"))
    market.run("buy", session=T)
    market.broker.deaf = frozenset(order.broker_order_id for order in market.orders(Side.BUY) if order.symbol == "ACME")
    market.market.lists[T] = {"ACME": "I", "BETA": "I"}  # type: ignore[attr-defined]
    market.to(D, "08:00")
    report = market.run("premarket-retry", slot="08:00")
    assert market.statuses(Side.BUY) == {"ACME": S.PENDING, "BETA": S.CANCELLED}
    assert (report.result["cancelled"], report.result["failed"]) == (1, 1)
    assert report.exit_code in {6, 11}
    assert "BUY ACME, order 1, is not cancelled and may trade: the gate is closed" in report.error
    (message,) = market.messages()
    assert message.endswith(
        "ACME, order 1, is not cancelled and may trade: the gate is closed. `tradectl orders cancel 1` tries again"
    )


def test_the_sell_monitor_withdraws_the_other_strays(market: Market) -> None:
    for symbol in ("ACME", "BETA"):
        market.buy(100, 9600, symbol=symbol)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    assert market.statuses(Side.SELL) == {"ACME": S.ONGOING, "BETA": S.ONGOING}
    market.broker.deaf = frozenset(order.broker_order_id for order in market.orders(Side.SELL) if order.symbol == "ACME")
    for symbol in ("ACME", "BETA"):
        price = market.broker.quotes([symbol])[symbol].last // 5 * 5
        market.broker.manual_trade(symbol, Side.BUY, 30, price)
        market.broker.manual_trade(symbol, Side.SELL, 130, price)
    report = market.monitor(D, "10:02")
    assert market.statuses(Side.SELL) == {"ACME": S.ONGOING, "BETA": S.CANCELLED}
    assert (report.exit_code, "the gate is closed" in report.error) == (6, True)
    assert len(market.messages()) == 1  # once for the order, not once a minute
    market.broker.deaf = frozenset()
    market.monitor(D, "10:04")
    assert market.statuses(Side.SELL)["ACME"] is S.CANCELLED
