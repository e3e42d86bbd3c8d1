"""Every send reads the halt marker last: what it stops was provably never sent, and its tag is used again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.tasks.test_streamed_prices import AlwaysArmed
from tests.support.trading import D, T, Trading, entry, stock
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.errors import Blocked
from tradectl.execution.orders import CommandStatus, OrderPath
from tradectl.halt_marker import MarkerFile
from tradectl.model.order import OrderRequest, OrderStatus, Side, Variety
from tradectl.model.trading_state import RESUME, Forbidden

Make = Callable[..., Trading]
FALLS = {D: (9500, 9600, 9300, 9400)}


def halted_at_commit(market: Trading, number: int = 1, state: str = "HALTED") -> None:
    """Set the marker just before the `number`-th commit from now: between the last look at the ledger and the broker."""
    left = number

    def set_marker() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            market.marker.set(state, "now", market.clock.now())

    market.ledger.database.before_commit = set_marker


def path(market: Trading) -> OrderPath:
    return market.trading(market.claim("test", T)).path


def rows(market: Trading) -> list[tuple[Any, ...]]:
    return [(order.status, order.sending_at, order.sender, order.broker_order_id) for order in market.ledger.book.orders()]


def test_an_order_halted_before_the_broker_is_never_sent(trading: Make) -> None:
    market = trading(stock())
    sender = path(market)
    halted_at_commit(market)
    result = sender.place(entry(10, 10000))
    assert (result.status, result.reason, sender.stopped) == (
        CommandStatus.BLOCKED,
        *[f"the account is halted: now; {RESUME}"] * 2,
    )
    assert market.broker.orders() == ()
    assert rows(market) == [(OrderStatus.PENDING, None, None, None)]


def test_after_resume_it_goes_out_under_the_same_tag(trading: Make) -> None:
    market = trading(stock())
    sender = path(market)
    halted_at_commit(market)
    sender.place(entry(10, 10000))
    market.ledger.database.before_commit = None
    (recorded,) = market.ledger.book.orders()
    assert market.marker.begin_resume()
    assert market.marker.finish_resume()
    result = sender.place(entry(10, 10000))
    assert (result.status, [item.tag for item in market.broker.orders()]) == (CommandStatus.PLACED, [recorded.tag])


@pytest.mark.parametrize("damage", ["missing", "a folder", "no home"])
def test_a_marker_that_cannot_be_read_stops_every_send(trading: Make, damage: str) -> None:
    market = trading(stock())
    active = market.folder / "halt-asha.active"
    active.unlink()
    if damage == "a folder":
        active.mkdir()
    marker = MarkerFile(market.folder / "none", "asha") if damage == "no home" else market.marker
    sender = OrderPath(market.broker, market.ledger.book, market.clock, "asha", market.claim("test", T), marker=marker)
    result = sender.place(entry(10, 10000))
    assert result.status is CommandStatus.BLOCKED
    assert "halt" in result.reason
    assert market.broker.orders() == ()


def test_a_change_is_stopped_before_the_broker(trading: Make) -> None:
    market = trading(stock())
    order = market.buy(10, 9900)
    sender = path(market)
    halted_at_commit(market)
    result = sender.modify(order, quantity=20, price=9900)
    assert (result.status, sender.requested) == (CommandStatus.BLOCKED, {})
    assert [item.quantity for item in market.broker.orders()] == [10]


def test_a_reducing_marker_stops_buys_alone(trading: Make) -> None:
    market = trading(stock(on=FALLS), stock("BETA"))
    market.buy(100, 9600)
    other = market.buy(10, 9000, symbol="BETA")
    market.marker.set("REDUCING", "by hand", market.clock.now())
    sender = path(market)
    assert sender.place(entry(10, 9000, symbol="BETA", level=35)).status is CommandStatus.BLOCKED
    assert sender.cancel(other).status is CommandStatus.PLACED
    market.to(D, "09:15")
    market.monitor(D, "09:20")
    assert [order.status for order in market.orders(Side.SELL)] == [OrderStatus.ONGOING]


def test_the_live_guard_reads_the_marker_itself(trading: Make) -> None:
    """Though the order path has read it: any other caller of the guard meets the marker too."""
    market = trading(stock())
    order = market.buy(10, 9900)
    guard = GuardedBroker(market.broker, AlwaysArmed(), market.clock, market.world.sessions, market.market, marker=market.marker)
    guard.orders()
    market.marker.set("HALTED", "now", market.clock.now())
    with pytest.raises(Forbidden, match="halted: now"):
        guard.place(OrderRequest("T" * 15, "ACME", Side.BUY, 10, 9900, variety=Variety.AMO))
    with pytest.raises(Forbidden, match="halted: now"):
        guard.modify(order.broker_order_id or "", quantity=20, price=9900)
    (market.folder / "halt-asha.halted").unlink()
    with pytest.raises(Blocked, match="missing"):
        guard.place(OrderRequest("T" * 15, "ACME", Side.BUY, 10, 9900, variety=Variety.AMO))
    guard.cancel(order.broker_order_id or "")
    assert [item.status for item in market.broker.orders()] == [OrderStatus.CANCELLED]


def test_the_stricter_of_ledger_and_marker_counts(trading: Make) -> None:
    market = trading(stock())
    sender = path(market)
    market.ledger.users.set_trading_state("asha", "REDUCING", "the ledger's")
    assert sender.trading_state(market.ledger.book.snapshot()).reason == "the ledger's"
    market.marker.set("HALTED", "the marker's", market.clock.now())
    state = sender.trading_state(market.ledger.book.snapshot())
    assert (state.state, state.reason) == ("HALTED", "the marker's")
    market.ledger.users.set_trading_state("asha", "HALTED", "the ledger's")
    assert sender.trading_state(market.ledger.book.snapshot()).reason == "the ledger's"
    market.ledger.users.set_trading_state("asha", "ACTIVE", "")
    assert sender.trading_state(market.ledger.book.snapshot()).state == "HALTED"


def test_a_halt_while_a_resume_is_under_way_stands(trading: Make) -> None:
    market = trading(stock())
    now = market.clock.now()
    market.marker.set("HALTED", "first", now)
    assert market.marker.begin_resume()
    assert (market.marker.read().state, market.marker.read().resuming) == ("HALTED", True)
    market.marker.set("HALTED", "second", now)
    assert not market.marker.finish_resume()
    assert (market.marker.read().state, market.marker.read().reason) == ("HALTED", "second")


def test_of_two_names_the_stricter_counts(trading: Make) -> None:
    """As where an older marker was copied back beside a newer one."""
    market = trading(stock())
    market.marker.set("HALTED", "now", market.clock.now())
    (market.folder / "halt-asha.active").touch()
    (market.folder / "halt-asha.reducing").touch()
    assert market.marker.read().state == "HALTED"
    assert market.marker.begin_resume()
    assert market.marker.finish_resume()
    assert market.marker.read().state == "ACTIVE"
