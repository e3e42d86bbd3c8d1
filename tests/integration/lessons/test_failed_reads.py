"""A read that failed is never an empty answer, a session that ended is told, and money is known or it is an error."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.afar import Front, far, put
from tests.support.trading import DAYS, SESSIONS, D, Trading, entry, stock
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import ConfigurationError, LoginNeeded
from tradectl.execution.buying import BuyingPower, quantity_for
from tradectl.execution.orders import CommandStatus
from tradectl.lab.faults import Fault
from tradectl.model.order import OrderStatus, Side
from tradectl.strategy.parameters import Parameters

FALLS = {D: (9500, 9600, 9300, 9400)}
TROUBLE = [(Fault.BOOK_UNAVAILABLE, 6), (Fault.SESSION_EXPIRED, 5)]


def holding(trading) -> Trading:
    """At ten, with a position whose sell rests."""
    market: Trading = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    assert [order.status for order in market.orders(Side.SELL)] == [OrderStatus.ONGOING]
    return market


@pytest.mark.parametrize("task", ["sell-monitor", "position-monitor", "eod"])
@pytest.mark.parametrize(("fault", "code"), TROUBLE)
def test_an_unreadable_book_changes_and_loses_nothing(trading, fault: Fault, code: int, task: str) -> None:
    market = holding(trading)
    if task == "eod":
        market.to(D, "18:00")
    before = (market.positions, market.ledger.book.orders(session=D))
    far(market, fault)
    report = market.run(task)
    assert (report.outcome, report.exit_code) == ("failed", code), report
    assert (market.positions, market.ledger.book.orders(session=D)) == before
    put(market, market.broker)
    assert market.run(task).exit_code == 0
    assert [position.quantity for position in market.positions] == [100]


def test_an_ended_session_is_told_and_not_tried_again(trading) -> None:
    """No storm of logins: one read a step and no login, exit code 5; a loop reads once at its next mark."""
    market = holding(trading)
    calls: Counter[str] = Counter()
    far(market, Fault.SESSION_EXPIRED, on_call=lambda name: calls.update([name]))
    assert market.run("sell-monitor", once=True).exit_code == 5
    assert calls.total() == 1
    begun = market.clock.now()
    calls.clear()
    report = market.run("sell-monitor")
    assert (report.exit_code, report.error) == (5, "the broker has ended this session: log in again")
    assert set(calls) == {"orders"}
    assert calls.total() <= 1 + (market.clock.now() - begun).total_seconds() / 60
    assert len(market.ledger.logs.list(action="step_failed")) == 1
    assert not LoginNeeded.retryable


def test_a_buy_without_readings_is_not_marked_as_sent(trading) -> None:
    market = trading(stock())
    far(market, Fault.SESSION_EXPIRED)
    with pytest.raises(LoginNeeded):
        market.trading(market.claim("test", DAYS[-5])).path.place(entry(10, 9600))
    assert market.orders(Side.BUY) == []
    assert market.broker.orders() == ()


def test_an_order_at_an_ended_session_keeps_its_tag(trading) -> None:
    class Ended(Front):
        def place(self, request):
            raise LoginNeeded("the broker has ended this session: log in again")

    market = trading(stock())
    claim = market.claim("test", DAYS[-5])
    put(market, Ended(market.broker))
    with pytest.raises(LoginNeeded):
        market.trading(claim).path.place(entry(10, 9600))
    (left,) = market.orders(Side.BUY)
    assert (left.status, left.sending_at, left.sender) == (OrderStatus.PENDING, None, None)
    assert market.broker.orders() == ()
    put(market, market.broker)
    result = market.trading(claim).path.place(entry(10, 9600))
    assert result.status is CommandStatus.PLACED
    assert [(order.id, order.tag) for order in market.orders(Side.BUY)] == [(left.id, left.tag)]
    assert [report.tag for report in market.broker.orders()] == [left.tag]


@pytest.mark.parametrize("available", [0, -500])
def test_no_cash_is_no_cash_and_buys_nothing(available: int) -> None:
    sizing = quantity_for(10000, session=D, parameters=Parameters(), average_turnover=10**12, buying_power=BuyingPower(available))
    assert (sizing.quantity, sizing.short_of_funds) == (0, True)


def test_the_funds_of_an_account_that_nobody_opened_are_an_error(trading) -> None:
    market = trading(stock())
    stranger = PaperBroker(market.folder / "paper.db", "nobody", market.clock, market.market, SESSIONS, durable=False)
    with pytest.raises(ConfigurationError, match="paper account nobody has not been opened"):
        stranger.funds()
    stranger.close()
