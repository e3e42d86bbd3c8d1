"""What an operator sees of each way in which a broker says no: one clear line, the right exit code, and nothing lost.

Each is a run of `buy` by the real runner, over real sockets: the signal is there, and the order does not get through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_buy import analysed, signal
from tests.support.brokers.kotak import CLIENT, Listening, credentials, nobody
from tests.support.brokers.market import MarketListing, MemoryMarket
from tests.support.brokers.vault import MemoryVault
from tests.support.trading import SESSIONS, T, Trading, stock
from tests.support.zerodha import KEY, SECRET, browse
from tradectl.brokers import kite, kotak_neo
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.adapter import BrokerAccount
from tradectl.halt_marker import MemoryMarker
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.server import LOOPBACK, Request, Response, Trouble
from tradectl.ledger.arming import Arming
from tradectl.model.order import OrderRequest, OrderStatus, Side, Variety
from tradectl.runtime.outcomes import Report

TIMEOUT = (3.0, 1.0)


class Far(Trading):
    """As `Trading`, but the world's broker is a live one behind the guard; `theirs` is what the broker lists."""

    def __init__(self, folder: Path, *listings: MarketListing, theirs: MemoryMarket | None = None, **options: Any) -> None:
        super().__init__(folder, *listings, **options)
        self.theirs = theirs or self.market
        self.start(folder)
        self.arming = Arming(self.ledger, self.account_broker.name)
        self.arming.arm(self.clock.now())
        guarded = GuardedBroker(self.account_broker, self.arming, self.clock, SESSIONS, self.market, marker=MemoryMarker())
        self.world = replace(self.world, broker=guarded)
        analysed(self, signal())

    def start(self, folder: Path) -> None:
        raise NotImplementedError

    @staticmethod
    def is_order(request: Request) -> bool:
        """Whether a new order is asked for."""
        return request.method == "POST" and (request.path.startswith("/orders/") or request.path.endswith("/place"))

    def order_of(self) -> OrderStatus:
        (order,) = self.orders(Side.BUY)
        return order.status


class AtKite(Far):
    refusal = Response.of(
        {"status": "error", "message": "Markets are closed right now.", "error_type": "InputException", "data": None}, 400
    )

    def start(self, folder: Path) -> None:
        self.sandbox = KiteSandbox(self._broker, lambda: self.theirs, self.clock, SESSIONS, allowed={LOOPBACK}, late=True)
        self.sandbox.start()
        vault = MemoryVault({"api_key": KEY, "api_secret": SECRET})
        addresses = {"api": self.sandbox.url, "login": f"{self.sandbox.url}/connect/login"}
        account = BrokerAccount(
            "asha", self.clock, SESSIONS, self.market, vault, folder / "lists", addresses=addresses, timeout=TIMEOUT
        )
        kite.ADAPTER.login(account, browse)
        self.account_broker = kite.ADAPTER.open(account)

    def ban(self) -> None:
        self.sandbox.allowed = frozenset()

    def expire(self) -> None:
        session = self.account_broker._account.vault.session()
        self.sandbox.tokens.end(session.tokens["access_token"])


class AtKotak(Far):
    refusal = Response.of({"stat": "Not_Ok", "errMsg": "algo order not allowed", "stCode": 1017}, 400)

    def start(self, folder: Path) -> None:
        self.sandbox = Listening(
            self._broker, clock=self.clock, market=lambda: self.theirs, client=CLIENT, allowed=(LOOPBACK, "203.0.113.9")
        )
        self.sandbox.start()
        addresses = {"login": self.sandbox.url}
        vault = MemoryVault(credentials())
        account = BrokerAccount(
            "asha", self.clock, SESSIONS, self.market, vault, folder / "lists", addresses=addresses, timeout=TIMEOUT
        )
        kotak_neo.ADAPTER.login(account, nobody)
        self.account_broker = kotak_neo.ADAPTER.open(account)

    def ban(self) -> None:
        self.sandbox.auth.address = "198.51.100.1"

    def expire(self) -> None:
        self.sandbox.auth.end_sessions()


Make = Callable[..., Far]


@pytest.fixture(params=[AtKite, AtKotak], ids=["kite", "kotak_neo"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    made: list[Far] = []

    def make(*listings: MarketListing, **options: Any) -> Far:
        made.append(request.param(tmp_path, *(listings or (stock(),)), **options))
        return made[-1]

    yield make
    for each in made:
        each.sandbox.stop()
        each.broker.close()


def line(report: Report) -> str:
    """What is said, which has to fit a line."""
    assert report.error
    assert "\n" not in report.error
    assert "Traceback" not in report.error
    return report.error


def test_an_order_gets_through(far: Make) -> None:
    market = far()
    report = market.run("buy", session=T)
    assert (report.exit_code, report.result["placed"]) == (0, 1)
    assert len(market.broker.orders()) == 1


def test_an_unlisted_address_is_4(far: Make) -> None:
    market = far()
    market.ban()
    report = market.run("buy", session=T)
    assert report.exit_code == 4
    assert "IP" in line(report) or "address" in line(report)
    assert market.broker.orders() == ()


def test_a_session_that_has_ended_is_5(far: Make) -> None:
    market = far()
    market.expire()
    report = market.run("buy", session=T)
    assert report.exit_code == 5
    assert "`tradectl login`" in line(report)
    assert market.broker.orders() == ()


def test_a_changed_series_refuses_that_order_alone(far: Make) -> None:
    market = far(stock(), theirs=MemoryMarket(stock(series="BE")))
    report = market.run("buy", session=T)
    assert (report.exit_code, report.result["refused"]) == (11, 1)
    (order,) = market.orders(Side.BUY)
    assert order.status is OrderStatus.REJECTED
    assert "ACME" in order.reason
    assert "BE" in order.reason
    assert market.broker.orders() == ()


def test_an_unknown_symbol_refuses_that_order_alone(far: Make) -> None:
    market = far(stock(), theirs=MemoryMarket(stock("BETA")))
    report = market.run("buy", session=T)
    assert (report.exit_code, report.result["refused"]) == (11, 1)
    (order,) = market.orders(Side.BUY)
    assert (order.status, "ACME" in order.reason) == (OrderStatus.REJECTED, True)
    assert market.broker.orders() == ()


def test_what_is_not_armed_is_9(far: Make) -> None:
    market = far()
    market.arming.disarm()
    report = market.run("buy", session=T)
    assert report.exit_code == 9
    assert "not armed" in line(report)
    assert market.broker.orders() == ()


def test_a_broker_that_is_down_is_6_and_nothing_is_believed_sent(far: Make) -> None:
    market = far()
    market.sandbox.stop()
    report = market.run("buy", session=T)
    assert report.exit_code == 6
    assert "reached" in line(report)
    assert market.orders(Side.BUY) == []
    market.sandbox = type("Stopped", (), {"stop": lambda self: None})()


def test_an_order_answered_with_429_is_unknown(far: Make) -> None:
    """Nothing says that a 429 comes before acceptance. Kotak refuses a tag that it has, so there the order is asked for again."""
    market = far()
    market.account_broker.quotes(["ACME"])
    market.sandbox.trouble(Trouble.TOO_MANY, method="POST", path="/orders")
    market.sandbox.trouble(Trouble.TOO_MANY, method="POST", path="/quick/order")
    report = market.run("buy", session=T)
    if market.account_broker.capabilities.refuses_repeated_tag:
        assert (report.exit_code, len(market.broker.orders())) == (0, 1)
    else:
        assert (report.exit_code, market.broker.orders(), market.order_of()) == (7, (), OrderStatus.UNKNOWN)


def test_money_that_is_gone_when_the_order_comes_is_named(far: Make) -> None:
    """Somebody buys by hand between our look at the purse and our order: the order waits for the morning, and that is said."""
    market = far()
    answer, by_hand = market.sandbox.answer, OrderRequest("", "ACME", Side.BUY, 9_900, 10000, variety=Variety.AMO)

    def after_somebody_else(request: Request) -> Response:
        if market.is_order(request):
            market.sandbox.answer = answer
            market.sandbox.exchange.place(by_hand)
        return answer(request)

    market.sandbox.answer = after_somebody_else
    report = market.run("buy", session=T)
    assert (report.exit_code, report.result["skipped_funds"], report.result["placed"]) == (0, 1, 0)
    (order,) = market.orders(Side.BUY)
    assert order.status is OrderStatus.RETRY_PENDING
    assert order.reason


def test_a_documented_refusal_is_11(far: Make) -> None:
    market = far()
    answer = market.sandbox.answer
    market.sandbox.answer = lambda request: market.refusal if market.is_order(request) else answer(request)
    report = market.run("buy", session=T)
    assert (report.exit_code, report.result["refused"]) == (11, 1)
    (order,) = market.orders(Side.BUY)
    assert (order.status, any(word in order.reason for word in ("closed", "not allowed"))) == (OrderStatus.REJECTED, True)
    assert market.broker.orders() == ()
