"""A share that a surveillance list names is not bought: not new, not again, not by a waiting order. It is sold as ever."""

from __future__ import annotations

from datetime import date

import pytest

from tests.integration.tasks.test_buy import analysed, signal
from tests.support.brokers.market import MarketListing, MemoryMarket
from tests.support.trading import AFTER, D, T, Trading, stock
from tradectl.execution.surveillance_findings import known_by_morning
from tradectl.ledger.schema import decisions, outbox
from tradectl.model.order import OrderStatus, Side
from tradectl.model.surveillance import Measure, MeasureList, Surveillance

FALLS = {D: (10000, 10000, 9000, 9000)}
"""A day on which a stock is bought and falls, so that its RSI wants another buy."""


class WatchedMarket(MemoryMarket):
    """A market with a GSM list of each date in `lists`."""

    def __init__(self, *listings: MarketListing, lists: dict[date, dict[str, str]]) -> None:
        super().__init__(*listings)
        self.lists = lists

    def surveillance(self, session: date) -> Surveillance:
        dated = max((day for day in self.lists if day <= session), default=None)
        known = {} if dated is None else {Measure.GSM: MeasureList(Measure.GSM, dated, self.lists[dated])}
        return Surveillance(session, known)


def watched(trading, *listings: MarketListing, lists: dict[date, dict[str, str]]) -> Trading:
    account: Trading = trading(*listings)
    account.market = WatchedMarket(*listings, lists=lists)
    account.broker = account._broker()
    account.world = account._world()
    return account


def messages(account: Trading) -> list[str]:
    with account.ledger.database.read() as connection:
        return [row.title for row in connection.execute(outbox.select().order_by(outbox.c.id))]


def reasons(account: Trading, task: str) -> list[str]:
    with account.ledger.database.read() as connection:
        rows = connection.execute(decisions.select().where(decisions.c.task == task).order_by(decisions.c.id))
        return [row.reason for row in rows]


def test_a_signal_is_not_bought_once_a_list_names_it(trading) -> None:
    account = watched(trading, stock(), stock("BETA"), lists={T: {"ACME": "0"}})
    analysed(account, signal(), signal("BETA"))
    report = account.run("buy", session=T)
    assert (report.result["placed"], report.result["skipped_surveillance"]) == (1, 1)
    assert [order.symbol for order in account.orders(Side.BUY)] == ["BETA"]
    assert f"under surveillance: GSM 0 by the list of {T}" in reasons(account, "buy")


@pytest.mark.parametrize(("dated", "rule"), [(T, "under surveillance: GSM I by the list of 2023-07-17"), (D, "final bar: fails")])
def test_a_pending_buy_is_cancelled_in_the_morning(trading, dated: date, rule: str) -> None:
    """In the past a list counts from the evening of its date, so one of the morning itself is not known yet."""
    account = watched(trading, stock(), lists={})
    analysed(account, signal())
    account.run("buy", session=T)
    account.market.lists[dated] = {"ACME": "I"}  # type: ignore[attr-defined]
    account.to(D, "08:00")
    account.run("premarket-retry", slot="08:00")
    (order,) = account.orders(Side.BUY)
    assert order.status is OrderStatus.CANCELLED
    (reason,) = reasons(account, "premarket-retry")
    assert reason.startswith(rule)


@pytest.mark.parametrize("named", [False, True])
def test_what_is_held_is_sold_and_not_bought_again(trading, named: bool) -> None:
    account = watched(trading, stock(on=FALLS, volume=37_500_000), lists={D: {"ACME": "II"} if named else {}})
    analysed(account, signal())
    account.run("buy", session=T)
    account.to(D, "19:30")
    account.ledger.executions.finish(account.claim("analyze", D), "completed", {}, now=account.clock.now(), steps=1)
    report = account.run("buy", session=D)
    verdict, reason = ("skipped_surveillance", "under surveillance") if named else ("skipped_quantity", "turnover")
    assert report.result[verdict] == 1
    assert reasons(account, "buy")[-1].startswith(reason)
    told = [title for title in messages(account) if "surveillance" in title]
    assert told == (["ACME is under surveillance"] if named else [])
    account.to(AFTER, "08:00")
    account.run("premarket-retry", slot="08:00")
    assert [title for title in messages(account) if "surveillance" in title] == told, "it is told once"
    account.to(AFTER, "09:15")
    account.monitor(AFTER, "09:16")
    assert len(account.orders(Side.SELL, AFTER)) == 1


def test_live_a_list_of_the_day_counts_in_the_morning(trading) -> None:
    class Running:
        virtual = False

    assert known_by_morning(D, trading(stock()).clock) < D
    assert known_by_morning(D, Running()) == D  # type: ignore[arg-type]
