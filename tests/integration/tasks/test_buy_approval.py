"""Buy waits for the verdict about its list, and sends exactly what was approved."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_buy import analysed
from tests.integration.tasks.test_buy import signal as buy_signal
from tests.support import trading as support
from tests.support.hands import operate, result_of
from tests.support.trading import D, T, Trading, ist, stock
from tradectl import settings
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.doctor import home
from tradectl.doctor.finding import Finding, State, run
from tradectl.execution.approved_quantity import approved_quantity
from tradectl.ledger.approvals import Approval, Approvals, Verdict
from tradectl.model.order import OrderRequest, Side, Variety
from tradectl.strategy.parameters import Parameters

STEP = 5.0


class EventClock(VirtualClock):
    """A clock that counts as the machine's, and at given moments calls what the world does meanwhile."""

    virtual = False

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.events: list[tuple[datetime, Callable[[], object]]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(max(seconds, STEP))
        while self.events and self.events[0][0] <= self.now():
            self.events.pop(0)[1]()


Make = Callable[..., Trading]


@pytest.fixture
def evening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """An account at 16:30 with signals for ACME and BETA, whose buys need an approval."""
    monkeypatch.setattr(support, "VirtualClock", EventClock)
    made: list[Trading] = []

    def make(**changes: str) -> Trading:
        market = Trading(tmp_path, stock(), stock("BETA"), stock("GAMMA"), **{"buy_approval": "skip", **changes})
        analysed(market, buy_signal(), buy_signal("BETA"))
        made.append(market)
        return market

    yield make
    for market in made:
        market.broker.close()
        market.ledger.database.close()


def approvals(market: Trading) -> Approvals:
    return Approvals(market.ledger.database, "asha")


def asked(market: Trading) -> Approval:
    found = approvals(market).of(T)
    assert found is not None
    return found


def answers(market: Trading, verdict: Verdict, at: str, list_hash: str = "") -> None:
    """A phone gives a verdict at a moment of the evening."""
    clock = market.clock
    assert isinstance(clock, EventClock)
    clock.events.append(
        (ist(T, at), lambda: approvals(market).decide(T, list_hash or asked(market).list_hash, verdict, clock.now(), by="Asha"))
    )


def reasons(market: Trading) -> dict[str, tuple[str, str]]:
    rows = market.ledger.decisions.by_rule("buy", T, "", "entry")
    return {row.symbol: (row.verdict, row.reason) for row in rows}


def bought(market: Trading) -> list[tuple[str, int, int]]:
    return sorted((order.symbol, order.quantity, order.price) for order in market.orders(Side.BUY))


def test_an_approved_list_is_sent_as_it_was_shown(evening: Make) -> None:
    market = evening()
    answers(market, Verdict.APPROVED, "17:00")
    report = market.run("buy", session=T)
    assert (report.outcome, report.result["placed"]) == ("completed", 2)
    assert bought(market) == sorted((line.symbol, line.quantity, line.price) for line in asked(market).lines)
    assert market.clock.now() < ist(T, "17:01")
    assert reasons(market)["ACME"][1].endswith("approved by phone, Asha, 17:00")


def test_while_it_waits_nothing_is_sent_and_the_decisions_say_so(evening: Make) -> None:
    market = evening()
    seen: list[object] = []
    clock = market.clock
    assert isinstance(clock, EventClock)
    clock.events.append(
        (ist(T, "16:45"), lambda: seen.extend([market.broker.orders(), market.orders(Side.BUY), reasons(market)]))
    )
    answers(market, Verdict.REJECTED, "17:00")
    market.run("buy", session=T)
    assert seen[:2] == [(), []]
    waits = ("waiting", f"waits for /approve {asked(market).list_hash} until 21:00")
    assert seen[2] == {"ACME": waits, "BETA": waits}
    (message,) = [item for item in market.ledger.outbox.pending() if item.title.startswith("2 buys")] or [None]
    assert message is None  # it was delivered before the wait


def test_status_and_doctor_name_the_waiting_list_and_its_end(evening: Make) -> None:
    market = evening()
    seen: list[tuple[Mapping[str, Any], str, Finding]] = []

    def look() -> None:
        checks = dict(home.checks(settings.load(home=str(market.folder)), market.world))
        [finding] = run([("approval", checks["approval"])])
        seen.append((result_of(market, "status"), operate(market, "status").out, finding))

    clock = market.clock
    assert isinstance(clock, EventClock)
    clock.events.append((ist(T, "16:45"), look))
    answers(market, Verdict.REJECTED, "17:00")
    market.run("buy", session=T)
    [(status, page, finding)] = seen
    assert (status["approval"]["list"], status["approval"]["buys"]) == (asked(market).list_hash, 2)
    assert f"/approve {asked(market).list_hash}" in " ".join(page.split())
    assert "until 21:00; without an answer nothing is bought" in " ".join(page.split())
    (problem,) = status["problems"]
    assert problem.startswith("buys wait for an approval by phone and no phone is paired, so no list of buys is ever sent")
    assert (finding.state, finding.text) == (State.WRONG, problem)
    assert result_of(market, "status")["approval"] is None


def test_a_rejected_list_buys_nothing_also_by_force(evening: Make) -> None:
    market = evening()
    answers(market, Verdict.REJECTED, "16:40")
    for force in (False, True):
        report = market.run("buy", session=T, force=force)
        assert (report.outcome, report.result["placed"], report.result["skipped_approval"]) == ("completed", 0, 2)
    assert market.orders(Side.BUY) == []
    assert reasons(market)["BETA"] == ("skipped_approval", "rejected by phone, Asha, 16:40")


@pytest.mark.parametrize(("setting", "placed"), [("skip", 0), ("send", 2)])
def test_without_an_answer_the_setting_decides(evening: Make, setting: str, placed: int) -> None:
    market = evening(buy_approval=setting, buy_approval_until="18:00")
    report = market.run("buy", session=T)
    assert (report.outcome, report.result["placed"]) == ("completed", placed)
    assert ist(T, "18:00") <= market.clock.now() < ist(T, "18:01")
    assert asked(market).verdict is Verdict.EXPIRED
    assert len(market.ledger.logs.list(action="buys_expired")) == 1


def test_an_answer_to_another_list_counts_for_nothing(evening: Make) -> None:
    market = evening(buy_approval_until="17:30")
    answers(market, Verdict.APPROVED, "17:00", list_hash="00000000")
    assert market.run("buy", session=T).result["placed"] == 0


def test_the_first_verdict_stays(evening: Make) -> None:
    market = evening()
    answers(market, Verdict.REJECTED, "16:50")
    answers(market, Verdict.APPROVED, "16:50")
    assert market.run("buy", session=T).result["placed"] == 0


def test_a_list_that_is_made_late_waits_half_an_hour(evening: Make) -> None:
    market = evening(buy_approval_until="16:31")
    market.run("buy", session=T)
    assert asked(market).until == ist(T, "17:00")


def test_a_list_of_the_window_s_end_expires_before_it(evening: Make) -> None:
    market = evening(buy_approval_until="23:59")
    market.to(T, "22:50")
    assert market.run("buy", session=T).outcome == "completed"
    assert asked(market).until == ist(T, "22:58")


def test_a_buy_that_no_longer_fits_its_line_is_left_out(evening: Make) -> None:
    """The funds fell while the list waited: fewer shares than approved are another buy."""
    market = evening(capital_per_trade="300000")
    by_hand = OrderRequest("BYHAND", "GAMMA", Side.BUY, 5500, 10000, variety=Variety.AMO)
    clock = market.clock
    assert isinstance(clock, EventClock)
    clock.events.append((ist(T, "16:45"), lambda: market.broker.place(by_hand)))
    answers(market, Verdict.APPROVED, "17:00")
    market.run("buy", session=T)
    assert bought(market) == [("ACME", asked(market).lines[0].quantity, 10050)]
    assert reasons(market)["BETA"] == (
        "skipped_approval",
        "the list has 2,981 at 100.50, now at most 1,484 at 100.50 is possible",
    )


def test_the_list_keeps_the_limits_of_the_account(evening: Make) -> None:
    market = evening(max_positions="1")
    answers(market, Verdict.APPROVED, "17:00")
    market.run("buy", session=T)
    assert len(asked(market).lines) == len(bought(market)) == 1
    assert market.ledger.users.get("asha").trading_state == "ACTIVE"


def test_the_limit_of_orders_does_not_stop_the_list_before_it(evening: Make) -> None:
    market = evening(max_buy_orders="1")
    answers(market, Verdict.APPROVED, "17:00")
    assert market.run("buy", session=T).result["placed"] == 1


def test_the_morning_buys_no_more_shares_than_approved(evening: Make) -> None:
    """`premarket-retry` and `amo-adjust` size a buy again: a raised setting or a lower price must not pass the list."""
    market = evening()
    answers(market, Verdict.APPROVED, "17:00")
    market.run("buy", session=T)
    order = next(order for order in market.orders(Side.BUY) if order.symbol == "BETA")
    line = next(line for line in asked(market).lines if line.symbol == "BETA")
    assert approved_quantity(market.ledger, market.parameters, order, 9999) == line.quantity
    assert approved_quantity(market.ledger, market.parameters, order, 10) == 10
    assert approved_quantity(market.ledger, Parameters(), order, 9999) == 9999  # no approval is needed
    other = replace(order, decided=D)
    assert approved_quantity(market.ledger, market.parameters, other, 9999) == 9999  # its evening had no list


def test_a_dry_run_and_a_virtual_clock_do_not_wait(evening: Make, trading) -> None:
    market = evening()
    assert market.run("buy", session=T, dry_run=True).result["placed"] == 2
    assert approvals(market).of(T) is None
    EventClock.virtual = True
    try:
        assert market.run("buy", session=T).result["placed"] == 2
    finally:
        EventClock.virtual = False
    assert approvals(market).of(T) is None


def test_with_nothing_to_buy_there_is_no_list(evening: Make) -> None:
    market = evening()
    market.ledger.signals.expire(D)
    assert market.run("buy", session=T).outcome == "completed"
    assert approvals(market).of(T) is None


def reopen(market: Trading) -> None:
    """Open the exchange as a new process does."""
    market.broker = market._broker()
    market.world = market._world()


def in_a_child(work: Callable[[], object]) -> int:
    """Call `work` in a forked process; return the signal that ended it, 0 for none."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.parametrize("when", ["waiting", "approved", "first_sent", "first_accepted"])
def test_kill_9_never_buys_twice_nor_without_approval(evening: Make, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    market = evening()
    place = PaperBroker.place

    def dies(self: PaperBroker, request: OrderRequest) -> str:
        if when == "first_sent":
            os.kill(os.getpid(), signal.SIGKILL)
        number = place(self, request)
        if when == "first_accepted":
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    def work() -> None:
        reopen(market)
        monkeypatch.setattr(PaperBroker, "place", dies)
        clock = market.clock
        assert isinstance(clock, EventClock)
        if when == "waiting":
            clock.events.append((ist(T, "16:45"), lambda: os.kill(os.getpid(), signal.SIGKILL)))
        answers(market, Verdict.APPROVED, "17:00")
        if when == "approved":
            clock.events.append((ist(T, "17:00"), lambda: os.kill(os.getpid(), signal.SIGKILL)))
        market.run("buy", session=T)

    market.ledger.database.close()
    market.broker.close()
    assert in_a_child(work) == signal.SIGKILL
    reopen(market)
    assert len(market.broker.orders()) == (1 if when == "first_accepted" else 0)
    market.to(T, "17:05")
    if when == "waiting":
        answers(market, Verdict.APPROVED, "17:10")
    report = market.run("buy", session=T)
    assert report.outcome == "completed"
    assert sorted(item.symbol for item in market.broker.orders()) == ["ACME", "BETA"]
    assert bought(market) == sorted((line.symbol, line.quantity, line.price) for line in asked(market).lines)
    assert report.result["placed"] == 2
