"""The order path over Kotak's wire: what the ledger believes of orders that Kotak takes, rejects, renames and shows late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.brokers.kotak import CLIENT, TIMEOUT, Listening, MemoryVault, credentials, nobody
from tests.support.brokers.market import MarketListing
from tests.support.trading import SESSIONS, D, T, Trading, entry, stock
from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.kotak_neo import ADAPTER
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.execution.orders import CommandResult, CommandStatus
from tradectl.execution.tags import client_tag
from tradectl.lab.sandboxes.server import Trouble
from tradectl.model.order import OrderStatus, Side

PLACE = "/quick/order/rule/ms/place"


class KotakTrading(Trading):
    """As `Trading`, but the world's broker is the adapter; `broker` is the exchange behind the sandbox."""

    def __init__(self, folder: Path, *listings: MarketListing, **options: Any) -> None:
        super().__init__(folder, *listings, **options)
        self.sandbox = Listening(self._broker, clock=self.clock, market=lambda: self.market, client=CLIENT)
        self.sandbox.start()
        vault, addresses = MemoryVault(credentials()), {"login": self.sandbox.url}
        scrips = folder / "scrips"
        self.account = BrokerAccount(
            "asha", self.clock, SESSIONS, self.market, vault, scrips, addresses=addresses, timeout=TIMEOUT
        )
        self.kotak = KotakNeoBroker(self.account)
        self.world = replace(self.world, broker=self.kotak)
        self.login()

    def login(self) -> None:
        ADAPTER.login(self.account, nobody)

    def morning(self) -> None:
        self.to(D, "08:00")
        self.login()

    def place(self, quantity: int, price: int) -> CommandResult:
        return self.trading(self.claim_of("test")).path.place(entry(quantity, price))

    def follow(self) -> None:
        self.trading(self.claim_of("test")).reconcile()

    @property
    def messages(self) -> list[str]:
        return [row.title for row in self.ledger.outbox.pending()]

    def the_order(self) -> Any:
        (order,) = self.orders(Side.BUY)
        return order


@pytest.fixture
def kotak(tmp_path: Path) -> Iterator[Callable[..., KotakTrading]]:
    made: list[KotakTrading] = []

    def make(**options: Any) -> KotakTrading:
        made.append(KotakTrading(tmp_path, stock(), **options))
        made[-1].claim("test", T)
        return made[-1]

    yield make
    for each in made:
        each.sandbox.stop()
        each.kotak.close()
        assert each.broker.statement().difference == 0
        each.broker.close()
        each.ledger.database.close()


def test_an_order_without_money_waits_and_is_rejected_later(kotak: Callable[..., KotakTrading]) -> None:
    trading = kotak(cash=1_000_00)
    result = trading.place(20, 10000)
    assert (result.status, result.reason.partition(",")[0]) == (CommandStatus.RETRY, "RMS:Margin Exceeds")
    trading.follow()
    assert trading.the_order().status is OrderStatus.RETRY_PENDING
    assert [report.status for report in trading.kotak.orders()] == [OrderStatus.REJECTED]
    assert trading.messages == []
    assert trading.place(5, 10000).status is CommandStatus.PLACED  # a new generation under a new tag
    trading.follow()
    assert [order.status for order in trading.orders(Side.BUY)] == [OrderStatus.CANCELLED, OrderStatus.PENDING]
    assert trading.messages == ["BUY 5 ACME at Rs 100.00 is placed"]


def test_an_order_rejected_in_the_morning_has_its_reason(kotak: Callable[..., KotakTrading]) -> None:
    trading = kotak()
    assert trading.place(1, 20000).status is CommandStatus.PLACED
    trading.morning()
    trading.to(D, "09:01")
    trading.follow()
    order = trading.the_order()
    assert (order.status, order.reason) == (
        OrderStatus.REJECTED,
        "RMS:Rule: Check circuit limit: 200.00 is outside 80.00 to 120.00",
    )


def test_an_order_with_a_lost_answer_is_adopted_by_its_tag(
    kotak: Callable[..., KotakTrading],
) -> None:
    """After the change of the morning the tag is gone, and the order is known all the same."""
    trading = kotak()
    trading.kotak.quotes(["ACME"])
    trading.sandbox.trouble(Trouble.CUT, path=PLACE)
    assert trading.place(10, 9000).status is CommandStatus.UNKNOWN
    trading.follow()
    adopted = trading.the_order()
    assert (adopted.status, adopted.broker_order_id is not None) == (OrderStatus.PENDING, True)
    trading.morning()
    trading.to(D, "09:05")
    trading_session = trading.trading(trading.claim_of("test"))
    trading_session.reconcile()
    assert trading_session.path.modify(trading.the_order(), quantity=12, price=10000).status is CommandStatus.PLACED
    trading_session.follow()
    assert [report.tag for report in trading.kotak.orders()] == [None]
    trading.to(D, "09:15")
    trading_session.reconcile()
    assert (trading.the_order().status, trading.the_order().filled_quantity) == (OrderStatus.EXECUTED, 12)
    assert [(position.symbol, position.quantity) for position in trading.positions] == [("ACME", 12)]
    assert len(trading.broker.orders()) == 1


def test_an_order_cancelled_by_hand_unseen_is_still_found(kotak: Callable[..., KotakTrading]) -> None:
    trading = kotak()
    trading.kotak.quotes(["ACME"])
    trading.sandbox.trouble(Trouble.CUT, path=PLACE)
    trading.place(10, 9000)
    (report,) = trading.kotak.orders()
    trading.kotak.cancel(report.broker_order_id)
    trading.follow()
    assert trading.the_order().status is OrderStatus.CANCELLED
    assert trading.the_order().broker_order_id == report.broker_order_id


def test_an_order_changed_by_hand_unseen_is_not_sent_again(kotak: Callable[..., KotakTrading]) -> None:
    """Its tag is written over, so nobody can tell that it is ours: Kotak refuses the repetition, and a person is asked."""
    trading = kotak()
    trading.kotak.quotes(["ACME"])
    trading.sandbox.trouble(Trouble.CUT, path=PLACE)
    trading.place(10, 9000)
    (report,) = trading.kotak.orders()
    trading.kotak.modify(report.broker_order_id, quantity=11, price=9000)
    trading.follow()
    result = trading.place(10, 9000)
    assert (result.status, "already exists" in result.reason) == (CommandStatus.UNKNOWN, True)
    trading.follow()
    assert trading.place(10, 9000).status is CommandStatus.UNKNOWN
    assert trading.sandbox.requests.count(("POST", PLACE)) == 2
    assert trading.the_order().status is OrderStatus.UNKNOWN
    assert trading.messages == ["ACME: the outcome of an order is unknown"]
    assert len(trading.broker.orders()) == 1


def test_an_unknown_order_is_not_repeated_across_the_night(kotak: Callable[..., KotakTrading]) -> None:
    """Kotak would take its tag once more: the promise is for one day."""
    trading = kotak()
    trading.kotak.quotes(["ACME"])
    trading.sandbox.trouble(Trouble.LOST, path=PLACE)
    trading.place(10, 9000)
    trading.morning()
    trading.follow()
    assert trading.place(10, 9000).status is CommandStatus.UNKNOWN
    assert trading.sandbox.requests.count(("POST", PLACE)) == 1
    assert trading.the_order().tag == client_tag("asha", entry(10, 9000), 0)
