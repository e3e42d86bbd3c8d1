"""The drill where no tag of ours comes as far as the exchange: what explains an order there, and what is found all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from tests.support.trading import D, T, Trading, entry, ist, stock
from tradectl.brokers.openalgo.api import OpenAlgoApi
from tradectl.execution import reconcile
from tradectl.lab.drill import crashes, days
from tradectl.lab.drill.crashes import Drill, Tally, conditions_of
from tradectl.lab.drill.ledger_check import check_ledger
from tradectl.lab.drill.process import Conditions
from tradectl.lab.drill.remote import promise_of
from tradectl.lab.drill.seeds import DrillWorker
from tradectl.lab.drill.untagged_orders import tagged
from tradectl.lab.faults import Fault, Truth
from tradectl.ledger.rows import Order
from tradectl.model.order import Funds, OrderReport, OrderStatus, Side, Variety

THROUGH = "openalgo"
OF = slice(7, 8)
"""A day on which there is something to buy."""
Drilled = Callable[..., Tally]


# -- what explains an order at the exchange


@pytest.fixture
def trading(tmp_path) -> Trading:
    return Trading(tmp_path, stock("ACME"), at=ist(D, "09:05"))


def sent(trading: Trading, status: OrderStatus, number: str | None = None, *, leg: str = "1") -> Order:
    """A buy of ten at 100.00, and what the ledger knows of it."""
    intent = replace(entry(10, 10000), leg=leg, variety=Variety.REGULAR)
    order = trading.record(trading.claim(f"sends {leg}", T), intent, f"TAG{leg}")
    return trading.ledger.book.intents.record_outcome(
        order, status, trading.clock.now(), broker_order_id=number, reason="it broke"
    )


def there(number: str, *, quantity: int = 10, status: OrderStatus = OrderStatus.CANCELLED, side: Side = Side.BUY) -> OrderReport:
    at = datetime(D.year, D.month, D.day, 3, 36, tzinfo=UTC)
    return OrderReport(number, None, "ACME", side, quantity, 10000, 0, status, "", Variety.REGULAR, at, at)


def verdict(trading: Trading, *reports: OrderReport):
    cash = trading.ledger.book.cash()
    named = tuple(tagged(reports, trading.ledger.book.orders()))
    return check_ledger(Truth(named, (), (), Funds(cash, 0, cash)), trading.ledger)


def test_a_buy_that_waits_to_be_retried_is_not_at_the_exchange(trading: Trading) -> None:
    sent(trading, OrderStatus.RETRY_PENDING, "1")
    assert verdict(trading, there("1")).clean
    (line,) = verdict(trading, there("1", status=OrderStatus.PENDING)).lost
    assert line.endswith("is RETRY_PENDING with 0 in the ledger")


def test_an_unknown_order_explains_one_at_the_exchange(trading: Trading) -> None:
    sent(trading, OrderStatus.UNKNOWN)
    found = verdict(trading, there("1"))
    assert found.clean
    assert found.unknown == [f"BUY 10 ACME for {D}: it broke"]


def test_it_explains_no_second_one(trading: Trading) -> None:
    sent(trading, OrderStatus.UNKNOWN)
    assert verdict(trading, there("1"), there("2")).duplicates == ["tag TAG1 is at the exchange 2 times"]


def test_two_of_them_explain_two(trading: Trading) -> None:
    sent(trading, OrderStatus.UNKNOWN)
    sent(trading, OrderStatus.UNKNOWN, leg="2")
    assert verdict(trading, there("1"), there("2")).clean


@pytest.mark.parametrize("other", [there("1", quantity=11), there("1", side=Side.SELL)], ids=["quantity", "side"])
def test_it_explains_nothing_else_than_was_asked_for(trading: Trading, other: OrderReport) -> None:
    sent(trading, OrderStatus.UNKNOWN)
    (line,) = verdict(trading, other).lost
    assert line.endswith("#1, CANCELLED at the exchange, is not in the ledger")


def test_an_order_beside_the_known_one_is_a_duplicate(trading: Trading) -> None:
    sent(trading, OrderStatus.PENDING, "2")
    alive = [there(number, status=OrderStatus.ONGOING) for number in ("1", "2")]
    assert verdict(trading, *alive).duplicates == ["tag TAG1 is at the exchange 2 times"]
    assert verdict(trading, alive[1]).clean


def test_an_ended_order_explains_only_one_without_a_trade(trading: Trading) -> None:
    sent(trading, OrderStatus.REJECTED)
    assert len(verdict(trading, there("1", status=OrderStatus.ONGOING)).lost) == 1
    assert verdict(trading, there("1")).clean
    assert len(verdict(trading, there("1"), there("2")).duplicates) == 1


# -- through the adapter


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, sessions) -> DrillWorker:
    folder = tmp_path_factory.mktemp("market")
    days.make(folder, sessions)
    return DrillWorker(tmp_path_factory.mktemp("afar"), folder, through=THROUGH, of=OF)


@pytest.fixture
def drilled(stage: DrillWorker, monkeypatch: pytest.MonkeyPatch) -> Drilled:
    def drill(faults: set[Fault], *, real: int) -> Tally:
        monkeypatch.setattr(crashes, "REAL_KILLS", real)
        monkeypatch.setattr(crashes, "STOPS", 0)
        conditions = Conditions(frozenset(faults), promise_of(THROUGH), 1, THROUGH)
        return Drill(stage.workspace, stage.exchange, stage.days[-1], conditions).run("amo-adjust", 1)

    return drill


def test_deaths_and_lost_answers_leave_reported_unknowns_only(drilled: Drilled) -> None:
    tally = drilled({Fault.REPLY_LOST}, real=1)
    assert [*tally.duplicates, *tally.lost, *tally.failed] == []
    assert tally.real_kills == 1
    assert min(tally.faults[Fault.REPLY_LOST], tally.unknown.total()) > 0


def test_a_refusal_that_is_a_lie_leaves_orders_of_unknown_fate(drilled: Drilled) -> None:
    assert Fault.DOCUMENTED_REFUSAL in {kind for seed in range(40) for kind in conditions_of(seed, THROUGH).faults}
    tally = drilled({Fault.DOCUMENTED_REFUSAL}, real=0)
    assert [*tally.duplicates, *tally.lost, *tally.failed, *tally.silent] == []
    assert min(tally.faults[Fault.DOCUMENTED_REFUSAL], tally.unknown.total()) > 0


def test_it_finds_a_program_that_takes_such_a_refusal_for_proof(drilled: Drilled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "doubt_refused", lambda *_: [])
    assert drilled({Fault.DOCUMENTED_REFUSAL}, real=0).lost


def test_it_finds_an_adapter_that_sends_a_command_twice(drilled: Drilled, monkeypatch: pytest.MonkeyPatch) -> None:
    once = OpenAlgoApi.send

    def twice(api: OpenAlgoApi, path: str, side: Side | None, before: Callable[[], None] | None, /, **body: str) -> str:
        once(api, path, side, before, **body)
        return once(api, path, side, before, **body)

    monkeypatch.setattr(OpenAlgoApi, "send", twice)
    tally = drilled(set(), real=0)
    assert [line for line in tally.duplicates if line.endswith("is at the exchange 2 times")]
