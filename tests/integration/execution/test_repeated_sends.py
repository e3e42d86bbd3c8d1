"""An order of unknown outcome is asked for again: what becomes of the second sending proves nothing about the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.trading import D, T, Trading, entry, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import Ambiguous, Blocked, BrokerUnavailable, LoginNeeded, OrderRefused, RateLimited, TradectlError
from tradectl.execution import unresolved_orders
from tradectl.execution.orders import CommandStatus
from tradectl.model.order import OrderRequest, OrderStatus, Side

Make = Callable[..., Trading]
FAILURES = [
    RateLimited("429"),
    BrokerUnavailable("could not be reached"),
    Blocked("not armed"),
    LoginNeeded("log in"),
    OrderRefused("orders are not accepted now", code="phase"),
    OrderRefused("margin exceeds", code="funds", passing=True),
    OrderRefused("insufficient holdings", code="holdings"),
]


class Forgetful:
    """Refuses a repeated tag; carries out the first command and loses its reply, and shows it only when `shown`. The second
    command meets `second`."""

    def __init__(self, broker: PaperBroker, second: TradectlError) -> None:
        self._exchange, self._second = broker, second
        self.capabilities = replace(broker.capabilities, refuses_repeated_tag=True, visibility_lag=None)
        self.commands, self.shown = 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def orders(self) -> Any:
        return self._exchange.orders() if self.shown else ()

    def trades(self) -> Any:
        return self._exchange.trades() if self.shown else ()

    def place(self, request: OrderRequest) -> str:
        self.commands += 1
        if self.commands == 2:
            raise self._second
        order_id = self._exchange.place(request)
        if self.commands == 1:
            raise Ambiguous("no answer")
        return order_id


@pytest.mark.parametrize("second", FAILURES, ids=lambda error: f"{type(error).__name__}-{getattr(error, 'code', '')}")
def test_a_repetition_that_fails_leaves_the_order_unknown(trading: Make, second: TradectlError) -> None:
    market = trading(stock())
    broker = Forgetful(market.broker, second)
    market.world = replace(market.world, broker=broker)
    claim = market.claim("buy", T)
    trading_session = market.trading(claim)
    assert trading_session.path.place(entry(10, 10050)).status is CommandStatus.UNKNOWN
    market.clock.sleep(5)
    trading_session.reconcile()
    if isinstance(second, OrderRefused):
        assert trading_session.path.place(entry(10, 10050)).status is CommandStatus.UNKNOWN
    else:
        with pytest.raises(type(second)):
            trading_session.path.place(entry(10, 10050))
    (order,) = market.orders(Side.BUY)
    assert (order.status, order.reason) == (OrderStatus.UNKNOWN, "no answer")
    assert order.sending_at is not None
    assert broker.commands == 2
    unresolved_orders.end_expired(market.ledger.book, claim, T, market.clock.now(), over=True, keeps_tags=True)
    broker.shown = True
    market.to(D, "09:20")
    market.trading(claim).reconcile()
    (order,) = market.orders(Side.BUY)
    assert (order.status, order.filled_quantity) == (OrderStatus.EXECUTED, 10)
    assert [(position.symbol, position.quantity) for position in market.positions] == [("ACME", 10)]
    assert len(market.broker.orders()) == 1


def test_a_repetition_that_is_taken_is_the_order(trading: Make) -> None:
    """The first one never arrived."""
    market = trading(stock())
    broker = Forgetful(market.broker, RateLimited("429"))
    broker._exchange = replaced = market.broker
    lost = replaced.place

    def first_lost(request: OrderRequest) -> str:
        replaced.place = lost
        raise Ambiguous("no answer")

    replaced.place = first_lost
    market.world = replace(market.world, broker=replaced)
    trading_session = market.trading(market.claim("buy", T))
    assert trading_session.path.place(entry(10, 10050)).status is CommandStatus.UNKNOWN
    assert trading_session.path.place(entry(10, 10050)).status is CommandStatus.PLACED
    assert len(market.broker.orders()) == 1
