"""Shares at the broker that the ledger does not count: no buy of their symbol, a reason, and a setting that declares them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_buy import analysed, signal
from tests.integration.tasks.test_preopen_orders import EASY, falling
from tests.lab.sandboxes.test_openalgo_day import Through, day, evening
from tests.support.afar import Front, put
from tests.support.hands import operate, result_of
from tests.support.trading import AFTER, D, T, Trading, entry, ist, stock
from tradectl.errors import BrokerUnavailable, UsageError
from tradectl.execution.orders import CommandStatus
from tradectl.execution.tags import reentry_leg
from tradectl.execution.unexplained_shares import unexplained_shares
from tradectl.model.order import Holding, OrderStatus, Purpose, Side
from tradectl.strategy.own_shares import parse_own_shares
from tradectl.strategy.parameters import with_changes

__all__ = ["day"]

Make = Callable[..., Trading]
FALLS = {D: (9500, 9600, 9300, 9400)}


def owning(market: Trading, shares: int) -> None:
    """The user buys shares of his own, before anything else happens."""
    market.to(T, "11:00")
    market.broker.manual_trade("ACME", Side.BUY, shares, 10000)
    market.to(T, "16:30")


def declared(market: Trading, text: str) -> None:
    """The user declares shares, and the next process reads it."""
    assert operate(market, "config", "set", "own_shares", text).code == 0
    market.world = replace(market.world, parameters=with_changes(market.parameters, {"own_shares": text}))


def test_a_symbol_with_unexplained_shares_is_not_bought(trading: Make) -> None:
    market = trading(stock(), at=ist(T, "10:00"))
    owning(market, 100)
    analysed(market, signal())
    report = market.run("buy", session=T)
    assert (report.exit_code, report.result["placed"], report.result["refused"]) == (11, 0, 1)
    (order,) = market.orders(Side.BUY)
    assert (order.status, order.sending_at) == (OrderStatus.RETRY_PENDING, None)
    assert [report.tag for report in market.broker.orders()] == [None]
    assert order.reason.startswith("the broker holds 100 ACME, the ledger has 0: 100 shares are yours, or of a position")
    assert "tradectl config set own_shares 'ACME:100'" in operate(market, "why", "ACME").out
    assert [line.action for line in market.ledger.logs.list(action="shares_beyond_book")] == ["shares_beyond_book"]
    market.run("buy", session=T, force=True)
    assert len(market.ledger.logs.list(action="shares_beyond_book")) == 1, "it is told once"


def test_declared_shares_are_left_alone_and_the_morning_buys(trading: Make) -> None:
    market = trading(falling(opens=9800), at=ist(T, "10:00"), **EASY)
    owning(market, 100)
    analysed(market, signal())
    market.run("buy", session=T)
    market.to(D, "08:00")
    assert market.run("premarket-retry", slot="08:00").result["failed"] == 1
    declared(market, "acme:99")
    assert market.run("premarket-retry", slot="08:00", force=True).result["placed"] == 0, "one more than declared"
    declared(market, "ACME:100")
    assert market.run("premarket-retry", slot="08:00", force=True).result["placed"] == 1
    market.to(D, "09:20")
    market.monitor(D, "09:30")
    (position,) = market.positions
    assert sum(order.quantity for order in market.orders(Side.SELL) if order.alive) == position.quantity
    (row,) = [row for row in result_of(market, "reconcile")["shares"] if row["symbol"] == "ACME"]
    assert (row["own"], row["beyond"], row["differs"], row["broker"] - row["book"]) == (100, 0, False, 100)


def test_a_reentry_is_not_bought_beside_lost_shares(trading: Make) -> None:
    market = trading(stock(on=FALLS))
    market.buy(100, 9600)
    market.to(D, "10:00")
    assert operate(market, "reconcile").code == 0
    market.broker.manual_trade("ACME", Side.BUY, 30, 9400)
    claim = market.claim("test", D)
    (position,) = market.positions
    again = replace(entry(10, 9400, session=AFTER), purpose=Purpose.REENTRY, leg=reentry_leg(position.id, 2))
    result = market.trading(claim).buy(again)
    assert (result.status, "holds 130 ACME, the ledger has 100: 30 shares" in result.reason) == (CommandStatus.HELD, True)
    sell = market.trading(claim).path.place(replace(again, side=Side.SELL, purpose=Purpose.TARGET, session=D, variety="REGULAR"))
    assert sell.status is CommandStatus.PLACED


def test_a_buy_that_waited_for_the_open_is_not_sent(day: Through) -> None:
    class Fuller(Front):
        def holdings(self):
            return [*self.exchange.holdings(), Holding("ACME", 7, 0, 7)]

    evening(day)
    put(day, Fuller(day.world.broker))
    report = day.run("amo-adjust")
    assert (report.exit_code, report.result["failed"], day.broker.orders()) == (11, 1, ())


def test_eod_names_them(trading: Make) -> None:
    market = trading(stock(), at=ist(T, "10:00"))
    owning(market, 100)
    market.to(T, "18:00")
    assert market.run("eod").exit_code == 0
    with market.ledger.database.read() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM outbox WHERE deduplicate LIKE 'eod:%'").scalars().all()
    assert ["NOT COUNTED ACME: the broker holds 100 ACME" in body for body in bodies] == [True]


def test_holdings_that_cannot_be_read_let_no_buy_out(trading: Make) -> None:
    class Deaf(Front):
        def holdings(self):
            raise BrokerUnavailable("no holdings now")

    market = trading(stock())
    put(market, Deaf(market.broker))
    with pytest.raises(BrokerUnavailable):
        market.trading(market.claim("test", T)).path.place(entry(10, 9600))
    assert market.orders(Side.BUY) == []  # nothing was marked as being sent
    assert market.broker.orders() == ()


def test_every_share_of_a_symbol_counts_and_pledged_ones_too() -> None:
    held = [Holding("A", 10, 0, 10), Holding("A", 5, 1, 5), Holding("B", 0, 0, 0, pledged=4), Holding("C", 9, 0, 9)]
    found = unexplained_shares(held, [], {"A": 15, "C": 9, "D": 1})
    assert [(item.symbol, item.shares) for item in found] == [("A", 1), ("B", 4)]


@pytest.mark.parametrize("text", ["ITC", "ITC:", "ITC:-5", "ITC:1.5", "ITC:100;TCS:5", "ITC:1,ITC:2", "=cmd:1", "A B:1", "ITC:١"])
def test_a_declaration_that_cannot_be_read_is_refused(trading: Make, text: str) -> None:
    with pytest.raises(UsageError):
        parse_own_shares(text)
    said = operate(trading(stock()), "config", "set", "own_shares", text)
    assert (said.code, said.err.count("\n"), "own_shares" in said.err) == (2, 1, True)


def test_declarations_are_read_whatever_their_case_and_spaces() -> None:
    assert parse_own_shares(" m&m:5 , BAJAJ-AUTO:2,") == {"M&M": 5, "BAJAJ-AUTO": 2}
    assert parse_own_shares("") == {}
