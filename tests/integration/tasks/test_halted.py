"""A task that a halt stops in its middle answers blocked; after `resume` the next run offers what was left, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.execution.conftest import trading
from tests.integration.tasks.test_buy import analysed, signal
from tests.integration.tasks.test_preopen_orders import EASY, falling
from tests.integration.tasks.test_preopen_orders import Market as PreopenMarket
from tests.integration.tasks.test_preopen_orders import trading as preopen
from tests.support.hands import operate
from tests.support.trading import D, T, Trading, entry, ist, stock
from tradectl.errors import Ambiguous, BrokerUnavailable
from tradectl.model.order import OrderStatus, Side
from tradectl.model.trading_state import RESUME
from tradectl.ports import Capabilities
from tradectl.runtime.due import due_now
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner

__all__ = ["preopen", "trading"]
Make = Callable[..., Trading]
NAMES = ("ACME", "BETA", "GAMMA")
FALLS = {D: (9500, 9600, 9300, 9400)}


class Interrupting:
    """The exchange itself; after the `after`-th order or change `halt` runs in another call."""

    def __init__(self, market: Trading, after: int) -> None:
        self.exchange, self.market, self.left, self.commands = market.broker, market, after, 0

    def place(self, request: Any) -> str:
        return self._then(self.exchange.place(request))

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        self._then(self.exchange.modify(broker_order_id, quantity=quantity, price=price))

    def _then(self, answer: Any) -> Any:
        self.commands += 1
        if self.commands == self.left:
            assert operate(self.market, "halt", "--reason", "enough").code == 0
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)


def interrupted(market: Trading, after: int = 1) -> Interrupting:
    broker = Interrupting(market, after)
    market.world = replace(market.world, broker=broker)  # type: ignore[arg-type]
    return broker


def resumed(market: Trading, broker: Interrupting) -> None:
    market.world = replace(market.world, broker=broker.exchange)
    assert operate(market, "resume").code == 0


def assert_blocked(market: Trading, report: Any, *unprotected: str) -> None:
    """`unprotected`: positions that the halt left without a sell. The error names each after its own reason."""
    assert (report.outcome, report.exit_code) == ("blocked", 9)
    assert report.error.startswith("the account is halted: enough")
    assert re.findall(r"; (\w+): 100 of 100 shares have no live sell order \(halted\)", report.error) == list(unprotected)
    if not unprotected:
        assert report.error == f"the account is halted: enough; {RESUME}"
    execution = market.ledger.executions.get(report.task, report.session, report.slot)
    assert execution is not None
    assert execution.status != "completed"


def symbols(market: Trading, side: Side = Side.BUY) -> list[str]:
    return sorted(item.symbol for item in market.broker.orders() if item.side is side)


def test_buy_offers_the_rest_after_resume(trading: Make) -> None:
    market = trading(*(stock(name) for name in NAMES))
    analysed(market, *(replace(signal(name), rank=rank) for rank, name in enumerate(NAMES, 1)))
    broker = interrupted(market)
    assert_blocked(market, market.run("buy", session=T))
    assert len(symbols(market)) == 1
    resumed(market, broker)
    again = market.run("buy", session=T)
    assert (again.outcome, again.result["placed"]) == ("completed", 3)
    assert symbols(market) == sorted(NAMES)
    assert market.run("buy", session=T).outcome == "already_completed"


class Unanswered(Interrupting):
    """An exchange whose first answer is lost, while `halt` runs in another call. `shows`: its book shows the order later."""

    capabilities = Capabilities(visibility_lag=None, refuses_repeated_tag=False, preopen_prices=True)

    def __init__(self, market: Trading, *, shows: bool) -> None:
        super().__init__(market, 1)
        self.shows, self.reads = shows, 0

    def place(self, request: Any) -> str:
        super().place(request)
        raise Ambiguous("no answer")

    def orders(self) -> Any:
        self.reads += self.commands
        return self.exchange.orders() if self.shows and self.reads > 2 else []

    def trades(self) -> Any:
        return []


@pytest.mark.parametrize(("shows", "code"), [(False, 7), (True, 9)])
def test_an_unknown_order_is_looked_for_and_told_under_a_halt(trading: Make, shows: bool, code: int) -> None:
    market = trading(*(stock(name) for name in NAMES))
    analysed(market, *(replace(signal(name), rank=rank) for rank, name in enumerate(NAMES, 1)))
    broker = Unanswered(market, shows=shows)
    market.world = replace(market.world, broker=broker)  # type: ignore[arg-type]
    report = market.run("buy", session=T)
    assert (report.outcome, report.exit_code, len(symbols(market))) == ("blocked", code, 1)
    assert broker.reads > 2, "its book is read again while the account is halted"
    assert [order.status for order in market.orders(Side.BUY)] == [OrderStatus.PENDING if shows else OrderStatus.UNKNOWN]


def test_an_unknown_order_is_graver_than_a_network_that_fails(trading: Make) -> None:
    market = trading(stock("ACME"))
    analysed(market, signal("ACME"))
    broker = Gone(market)
    market.world = replace(market.world, broker=broker)  # type: ignore[arg-type]
    report = market.run("buy", session=T)
    assert (report.outcome, report.exit_code, report.error) == ("failed", 7, "the network is down")


class Gone(Interrupting):
    """An exchange whose network fails with the first order."""

    def __init__(self, market: Trading) -> None:
        super().__init__(market, 0)

    def place(self, request: Any) -> str:
        super().place(request)
        raise Ambiguous("no answer")

    def orders(self) -> Any:
        if self.commands:
            raise BrokerUnavailable("the network is down")
        return self.exchange.orders()


def test_premarket_retry_offers_the_rest_after_resume(trading: Make) -> None:
    market = trading(*(falling(name) for name in NAMES), **EASY)
    claim = market.claim("test", T)
    for name in NAMES:
        assert market.trading(claim).path.place(entry(10, 10050, symbol=name), send=False).order is not None
    market.ledger.executions.finish(claim, "completed", {}, now=market.clock.now(), steps=1)
    market.to(D, "08:40")
    broker = interrupted(market)
    report = market.run("premarket-retry", slot="08:40")
    assert len(symbols(market)) == 1, report
    assert_blocked(market, report)
    resumed(market, broker)
    again = market.run("premarket-retry", slot="08:40")
    assert (again.outcome, again.exit_code, symbols(market)) == ("completed", 0, sorted(NAMES))


def test_amo_adjust_changes_the_rest_after_resume(trading: Make) -> None:
    changes = {"amo_adjust_reprice": "on", "capital_per_trade": "19050", "average_window": "5"}
    market = trading(*(stock(name, on=FALLS) for name in NAMES), **changes)
    for name in NAMES:
        market.buy(100, 9600, symbol=name)
    market.to(D, "09:05")
    broker = interrupted(market)
    assert_blocked(market, market.run("amo-adjust"))
    assert sorted(order.quantity for order in market.orders(Side.BUY)) == [100, 100, 200]
    resumed(market, broker)
    again = market.run("amo-adjust")
    assert (again.outcome, again.exit_code) == ("completed", 0)
    assert [order.quantity for order in market.orders(Side.BUY)] == [200, 200, 200]


def test_amo_adjust_sends_the_rest_after_resume(preopen: Callable[..., PreopenMarket]) -> None:
    market = preopen(*(falling(name) for name in NAMES))
    market.evening(*(replace(signal(name), rank=rank) for rank, name in enumerate(NAMES, 1)))
    market.morning()
    broker = interrupted(market)
    assert_blocked(market, market.run("amo-adjust"))
    assert len(market.broker.seen) == 1
    resumed(market, broker)
    again = market.run("amo-adjust")
    assert (again.outcome, sorted(item.symbol for item in market.broker.seen)) == ("completed", sorted(NAMES))


def test_the_sell_monitor_goes_on_and_sells_the_rest(trading: Make) -> None:
    market = trading(*(stock(name, on=FALLS) for name in NAMES))
    for name in NAMES:
        market.buy(100, 9600, symbol=name)
    market.to(D, "09:15")
    broker = interrupted(market, after=2)
    assert_blocked(market, market.monitor(D, "09:20"), "GAMMA")
    assert len(symbols(market, Side.SELL)) == 2
    assert [item.title for item in market.ledger.outbox.pending() if "blocked" in item.title] == []  # sent already
    resumed(market, broker)
    market.to(D, "09:21")
    assert market.monitor(D, "09:22").outcome == "completed"
    assert symbols(market, Side.SELL) == sorted(NAMES)
    assert {order.status for order in market.orders(Side.SELL)} <= {OrderStatus.ONGOING, OrderStatus.EXECUTED}


def test_a_halted_monitor_with_nothing_to_send_completes(trading: Make) -> None:
    market = trading(stock())
    operate(market, "halt")
    market.to(D, "09:15")
    assert market.monitor(D, "09:20").outcome == "completed"


def test_what_a_halt_stopped_does_not_rest_after_resume(trading: Make) -> None:
    """A failed task rests longer each time; the window of amo-adjust is shorter than its second rest."""
    market = trading(stock())
    market.to(D, "09:05")
    operate(market, "halt")
    assert market.run("amo-adjust").outcome == "blocked"
    runner = Runner(market.world, all_tasks(), trigger="cron")

    def due() -> list[str]:
        return [window.task for window in due_now(runner)]

    market.clock.move_to(ist(D, "09:05:20"))
    assert due() == []
    operate(market, "resume")
    assert due() == ["amo-adjust"]


@pytest.mark.parametrize("state", ["HALTED", "REDUCING"])
def test_the_ledger_follows_a_marker_that_was_set_alone(trading: Make, state: str) -> None:
    market = trading(stock())
    market.marker.set(state, "the ledger was locked", market.clock.now())
    market.to(D, "09:05")
    assert market.run("amo-adjust").outcome == "blocked"
    user = market.ledger.users.get("asha")
    assert (user.trading_state, user.state_reason) == (state, "the ledger was locked")
    assert [line.action for line in market.ledger.logs.list() if line.action == state.lower()] == [state.lower()]
    market.marker.begin_resume()
    market.ledger.users.set_trading_state("asha", "ACTIVE", "")
    market.run("amo-adjust", force=True)
    assert market.ledger.users.get("asha").trading_state == "ACTIVE", "a resume that is under way is not undone"
