"""The ledger is locked between the mark of a sending and the send: nothing was sent, and the same intent goes out later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.acceptance.cases.at_kite import at_kite
from tests.integration.lessons.test_odd_texts import bought
from tests.integration.tasks.test_unprotected import Make
from tests.support.benches import BENCHES
from tests.support.brokers.vault import MemoryVault
from tests.support.hands import operate
from tests.support.trading import AFTER
from tradectl.brokers.account.permission import not_sent
from tradectl.brokers.adapter import ORDERS, Unlimited
from tradectl.errors import BrokerUnavailable, DatabaseError
from tradectl.lab.conformance import Bench
from tradectl.lab.sandboxes.fixture import FRIDAY, OPEN, Fixture, ist
from tradectl.model.order import OrderStatus, Side

LOCKED = "the ledger is locked by another process beyond the time-out"


class Ledger:
    """What an adapter keeps in the ledger (credentials, session, limits), locked at its use number `locked_at` (0: at none)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.locked_at, self.used, self.bucket = 0, 0, ""
        for kind, name in ((MemoryVault, "session"), (MemoryVault, "require"), (MemoryVault, "get")):
            monkeypatch.setattr(kind, name, self._before(getattr(kind, name)))
        monkeypatch.setattr(Unlimited, "take", self._take)

    def lock(self, at: int, bucket: str = "") -> None:
        """Lock it at a use from now on; `bucket`: count only this kind of request."""
        self.locked_at, self.used, self.bucket = at, 0, bucket

    def _use(self, bucket: str) -> None:
        if self.bucket in {"", bucket}:
            self.used += 1
            if self.used == self.locked_at:
                raise DatabaseError(LOCKED)

    def _take(self, bucket: str) -> None:
        self._use(bucket)

    def _before(self, real: Callable[..., object]) -> Callable[..., object]:
        def used(*arguments: object) -> object:
            self._use("credentials")
            return real(*arguments)

        return used


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    return Ledger(monkeypatch)


@pytest.fixture(params=["kite", "kotak_neo", "openalgo", "dhan"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, ledger: Ledger) -> Iterator[Bench]:
    made = BENCHES[request.param](Fixture(tmp_path, ist(FRIDAY, "10:00")))
    yield made
    made.close()  # type: ignore[attr-defined]


COMMANDS: dict[str, Callable[[Bench, str, int], object]] = {
    "place": lambda bench, _, __: bench.buy(1, OPEN - 600),
    "modify": lambda bench, kept, at: bench.broker.modify(kept, quantity=1, price=OPEN - 500 - 5 * at),
    "cancel": lambda bench, kept, _: bench.broker.cancel(kept),
}


@pytest.mark.parametrize("ask", COMMANDS)
def test_a_lock_at_any_use_leaves_no_command_in_doubt(bench: Bench, ledger: Ledger, ask: str) -> None:
    outcomes = []
    for at in count(1):
        kept = bench.buy(1, OPEN - 500)
        before = {item.broker_order_id: item for item in bench.broker.orders()}
        ledger.lock(at)
        try:
            with not_sent(bench.broker.name):
                COMMANDS[ask](bench, kept, at)
            done, told = True, (BrokerUnavailable, True)
        except BrokerUnavailable as error:
            done, told = False, (type(error), f"{LOCKED}; nothing was sent" in str(error))
        assert told == (BrokerUnavailable, True)
        reached = ledger.used >= at
        ledger.lock(0)
        assert ({item.broker_order_id: item for item in bench.broker.orders()} != before) is done
        outcomes.append(done)
        if not reached:
            break
    assert outcomes[-1]
    assert outcomes.index(True) > 1  # whatever comes after it only looks


def test_the_sell_goes_out_in_the_next_step(trading: Make, ledger: Ledger) -> None:
    market = bought(trading)
    with at_kite(market):
        ledger.lock(1, ORDERS)
        first = operate(market, "sell-monitor", "--once")
        assert (first.code, "nothing was sent" in first.err) == (6, True)
        (sell,) = market.orders(Side.SELL, AFTER)
        assert (sell.status, sell.sending_at, sell.sender) == (OrderStatus.PENDING, None, None)
        assert operate(market, "status").code == 11
        market.to(AFTER, "10:01")
        assert operate(market, "sell-monitor", "--once").code == 0
        (sell,) = market.orders(Side.SELL, AFTER)
        assert (sell.status, sell.quantity) == (OrderStatus.ONGOING, 100)
        assert operate(market, "status").code == 0


def test_a_ledger_that_hides_whether_it_is_armed_sends_nothing(trading: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    market = bought(trading)
    with at_kite(market):
        arming, reads = type(market.ledger.info), []
        real = arming.get

        def get(self: object, key: str) -> object:
            if key.startswith("armed.") and market.orders(Side.SELL, AFTER) and not reads:
                reads.append(key)
                raise DatabaseError(LOCKED)
            return real(self, key)  # type: ignore[arg-type]

        monkeypatch.setattr(arming, "get", get)
        assert operate(market, "sell-monitor", "--once").code in {6, 9}
        assert reads
        assert [order.sending_at for order in market.orders(Side.SELL, AFTER)] == [None]
        market.to(AFTER, "10:01")
        assert operate(market, "sell-monitor", "--once").code == 0
        assert [order.status for order in market.orders(Side.SELL, AFTER)] == [OrderStatus.ONGOING]
