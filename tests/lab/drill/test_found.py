"""What the stories have found, each told as shortly as it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.trading import AFTER, D, T, Trading, entry, follow, stock
from tradectl.lab.faults import Fault, FaultyBroker, Promise
from tradectl.ledger.rows import Order
from tradectl.model.order import OrderStatus, Side, TradeReport, Variety

Shown = Callable[[Any], Any]


class NewestFirst:
    """A broker that lists its trades the other way round."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def trades(self) -> Sequence[TradeReport]:
        return tuple(reversed(self._broker.trades()))


def oldest_first(broker: Any) -> Any:
    return broker


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[Trading]:
    """ACME stands at Rs 100.00; it is ten in the morning of a session."""
    trading = Trading(tmp_path, stock("ACME"))
    exchange = trading.broker
    yield trading
    exchange.close()
    trading.ledger.database.close()


def buy_ten(trading: Trading) -> None:
    """Ten shares are bought at the open; the ledger has not heard of that yet at ten."""
    trading.buy(10, 10000)
    trading.to(D, "10:00")


def positions(trading: Trading, shown: Shown) -> list[tuple[str, int]]:
    """What is open after one look at the broker."""
    follow(trading.ledger.book, shown(trading.broker), trading.market, trading.clock)
    return [(position.symbol, position.quantity) for position in trading.positions]


ANY_ORDER = pytest.mark.parametrize("shown", [oldest_first, NewestFirst])


@ANY_ORDER
def test_our_shares_sold_by_hand_are_gone_in_any_order(trading, shown: Shown) -> None:
    buy_ten(trading)
    trading.broker.manual_trade("ACME", Side.SELL, 10, 10000)
    assert positions(trading, shown) == []


@ANY_ORDER
def test_shares_traded_by_hand_are_never_ours_in_any_order(trading, shown: Shown) -> None:
    buy_ten(trading)
    assert positions(trading, oldest_first) == [("ACME", 10)]
    trading.broker.manual_trade("ACME", Side.BUY, 4, 10000)
    trading.to(D, "10:30")
    trading.broker.manual_trade("ACME", Side.SELL, 4, 10000)
    assert positions(trading, shown) == [("ACME", 10)]


def sent_in_the_dark(trading: Trading, folder: Path) -> Order:
    """A buy that filled at once, whose answer was lost, at a broker that promises a lag and forgets its book overnight."""
    exchange = trading.broker
    faults = {Fault.REPLY_LOST, Fault.BOOK_EMPTIED}
    broker = FaultyBroker(exchange, trading.clock, faults, Promise.LAG, seed=1, state=folder / "faults.json", rate=1)
    trading.world = replace(trading.world, broker=broker)
    answer = trading.trading(trading.claim("sends", T)).path.place(replace(entry(10, 10000), variety=Variety.REGULAR))
    trading.ledger.executions.finish(trading.claim_of("sends"), "failed", {}, now=trading.clock.now(), steps=1)
    assert [row.filled_quantity for row in exchange.orders()] == [10]
    assert answer.order is not None
    return answer.order


def test_a_book_emptied_overnight_proves_nothing(trading, tmp_path) -> None:
    trading.to(D, "10:00")
    order = sent_in_the_dark(trading, tmp_path)
    trading.to(AFTER, "08:00")
    trading_session = trading.trading(trading.claim("looks", AFTER))
    trading_session.reconcile()
    trading.to(AFTER, "08:01")
    trading_session.reconcile()
    assert trading.ledger.book.order(order.id).status is OrderStatus.UNKNOWN
