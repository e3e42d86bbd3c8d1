"""A halt that comes while an order waits to leave for a broker, for a limit or after a 429, stops that order: nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.support.benches import BENCHES
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.account.live_account import LiveAccount
from tradectl.brokers.adapter import ORDERS, Adapter
from tradectl.clock import VirtualClock
from tradectl.errors import Blocked
from tradectl.execution.orders import CommandStatus, OrderPath
from tradectl.halt_marker import MarkerFile
from tradectl.lab.conformance import Bench
from tradectl.lab.sandboxes.fixture import FRIDAY, THURSDAY, Fixture, ist
from tradectl.lab.sandboxes.server import Trouble
from tradectl.ledger.arming import BROKER
from tradectl.ledger.executions import Claim
from tradectl.ledger.limits import RateLimits
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.rows import Intent
from tradectl.ledger.store import Ledger
from tradectl.model.order import OrderReport, OrderStatus, Purpose, Side
from tradectl.model.trading_state import ACTIVE, RESUME, Forbidden

LIVE = [name for name in BENCHES if name != "paper"]
WAITS = ["limit", "rest"]


def nothing() -> None:
    pass


class Resting(VirtualClock):
    """A clock on which `happens` is called in each wait of at least a second: the one after a 429."""

    happens: Callable[[], None] = staticmethod(nothing)

    def sleep(self, seconds: float) -> None:
        if seconds >= 1:
            self.happens()
        super().sleep(seconds)


class Account(LiveAccount):
    """A live account, on which `happens` is called while an order waits for the limit of orders."""

    happens: Callable[[], None] = staticmethod(nothing)

    def limits(self, found: Adapter) -> RateLimits:
        account, counted = self, super().limits(found)

        class Waiting(RateLimits):
            def take(self, bucket: str) -> None:
                if bucket == ORDERS:
                    account.happens()
                counted.take(bucket)

        return Waiting(self.ledger.database, self.ledger.user, found.name, found.limits, self.clock)


class Live:
    """A live user whose broker is a bench's sandbox: as `bootstrap` puts him together, over sockets."""

    def __init__(self, name: str, bench: Bench, clock: Resting, folder: Path) -> None:
        self.bench, self.clock = bench, clock
        self.database = open_database(folder / "ledger.db", durable=False)
        create_or_upgrade(self.database)
        self.ledger = Ledger(self.database, "kit")
        self.ledger.users.add("kit", capital=10_00_000_00, created_at=clock.now())
        fixture = bench.fixture
        self.account = Account(
            self.ledger, clock, fixture.market, fixture.sessions, key_file=folder / "secret.key", folder=folder / "lists"
        )
        self.account.credentials.set(BROKER, name, secret=False)
        found, told = self.account.adapter(), bench.account
        for which, url in told.addresses.items():
            self.account.put_address(found, which, url)
        vault = self.account.vault(found)
        for item in found.fields:
            value = told.vault.get(item.name)
            if value is not None:
                vault.put(item.name, value)
        session = told.vault.session()
        assert session is not None
        vault.keep_session(session)
        self.account.arming().arm(clock.now())
        self.marker = MarkerFile(folder, "kit")
        self.marker.make(ACTIVE, clock.now())
        self.broker: GuardedBroker = self.account.open(self.marker)
        self.broker.orders()
        claim = self.ledger.executions.claim(
            "test", FRIDAY, "", owner=current_identity(), trigger="manual", machine_now=clock.machine_now(), now=clock.now()
        )
        assert isinstance(claim, Claim)
        self.path = OrderPath(self.broker, self.ledger.book, clock, "kit", claim, marker=self.marker)

    def before_leaving(self, wait: str, happens: Callable[[], None]) -> None:
        """Let something happen while the next order waits: once, for the limit, or in the rest that a 429 of before asks for."""
        left = [happens]

        def once() -> None:
            if left:
                left.pop()()

        if wait == "limit":
            self.account.happens = once
        else:
            self.bench.trouble(Trouble.TOO_MANY)
            assert self.path.place(entry("THIN")).status is CommandStatus.UNKNOWN
            self.clock.happens = once

    def halt(self) -> None:
        self.marker.set("HALTED", "now", self.clock.now())

    def resume(self) -> None:
        assert self.marker.begin_resume()
        assert self.marker.finish_resume()

    @property
    def exchange(self) -> list[OrderReport]:
        """The orders that have reached the exchange."""
        return list(self.bench.fixture.exchange().orders())


@contextmanager
def live(name: str, folder: Path) -> Iterator[Live]:
    fixture = Fixture(folder, ist(FRIDAY, "10:00"))
    fixture.clock = clock = Resting(ist(FRIDAY, "10:00"))
    bench = BENCHES[name](fixture)
    try:
        made = Live(name, bench, clock, folder)
        yield made
        made.broker.close()
    finally:
        bench.close()


def entry(symbol: str = "ACME", session: date = FRIDAY) -> Intent:
    return Intent(
        instrument_id=symbol,
        symbol=symbol,
        side=Side.BUY,
        purpose=Purpose.ENTRY,
        quantity=10,
        price=9900,
        session=session,
        decided=THURSDAY,
        leg="entry:1",
    )


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("name", LIVE)
def test_an_order_that_waited_through_a_halt_is_never_sent(name: str, wait: str, tmp_path: Path) -> None:
    with live(name, tmp_path) as account:
        account.before_leaving(wait, account.halt)
        result = account.path.place(entry())
        assert (result.status, result.reason) == (CommandStatus.BLOCKED, f"the account is halted: now; {RESUME}")
        assert account.exchange == []
        (recorded,) = (order for order in account.ledger.book.orders() if order.symbol == "ACME")
        assert (recorded.status, recorded.sending_at, recorded.sender) == (OrderStatus.PENDING, None, None)

        account.resume()
        result = account.path.place(entry())
        assert result.status is CommandStatus.PLACED
        assert result.order is not None
        assert (result.order.id, result.order.tag) == (recorded.id, recorded.tag)
        assert [(item.symbol, item.quantity) for item in account.exchange] == [("ACME", 10)]


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("name", LIVE)
def test_a_change_that_waited_through_a_halt_is_never_sent(name: str, wait: str, tmp_path: Path) -> None:
    with live(name, tmp_path) as account:
        number = account.broker.place(account.bench.request(10, 9900))
        account.broker.orders()
        account.before_leaving(wait, account.halt)
        with pytest.raises(Forbidden, match="halted: now"):
            account.broker.modify(number, quantity=20, price=9800)
        assert [(item.quantity, item.price) for item in account.exchange] == [(10, 9900)]
        if wait == "limit":  # the bench's 429 waits for a cancel at Kite too
            account.broker.cancel(number)
            assert [item.status for item in account.exchange] == [OrderStatus.CANCELLED]


@pytest.mark.parametrize("name", LIVE)
def test_a_reducing_halt_lets_a_change_of_a_sell_out(name: str, tmp_path: Path) -> None:
    with live(name, tmp_path) as account:
        account.broker.place(account.bench.request(10, 10000))
        account.clock.move_to(ist(FRIDAY, "10:05"))
        request = account.bench.request(10, 10400, side=Side.SELL)
        number = account.broker.place(request)
        account.broker.orders()
        account.before_leaving("limit", lambda: account.marker.set("REDUCING", "by hand", account.clock.now()))
        account.broker.modify(number, quantity=10, price=10300)
        assert [item.price for item in account.exchange if item.side is Side.SELL] == [10300]


@pytest.mark.parametrize("name", LIVE)
def test_an_order_that_waited_while_disarmed_is_never_sent(name: str, tmp_path: Path) -> None:
    with live(name, tmp_path) as account:
        account.before_leaving("limit", account.account.arming().disarm)
        with pytest.raises(Blocked, match="not armed"):
            account.broker.place(account.bench.request(10, 9900))
        assert account.exchange == []
