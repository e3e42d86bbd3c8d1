"""The drill through each broker's adapter, over real sockets, to its sandbox: what it finds, and what it leaves behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tradectl.brokers.adapter import adapter
from tradectl.brokers.http import transport
from tradectl.brokers.kite import api as kite_api
from tradectl.errors import BrokerUnavailable, OrderRefused, UsageError
from tradectl.execution import reconcile
from tradectl.execution.orders import OrderPath
from tradectl.lab.drill import crashes, days
from tradectl.lab.drill.broker_sandboxes import names
from tradectl.lab.drill.crashes import Drill, Tally
from tradectl.lab.drill.process import Conditions
from tradectl.lab.drill.remote import promise_of
from tradectl.lab.drill.seeds import DrillWorker
from tradectl.lab.faults import Fault, Promise

OF = slice(6, 8)
"""Two days, on the second of which there is something to buy and to sell."""
Drilled = Callable[..., Tally]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory, sessions) -> Path:
    folder = tmp_path_factory.mktemp("market")
    days.make(folder, sessions)
    return folder


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, market: Path, tmp_path_factory: pytest.TempPathFactory) -> DrillWorker:
    return DrillWorker(tmp_path_factory.mktemp("afar"), market, through=request.param, of=OF)


@pytest.fixture
def drilled(stage: DrillWorker) -> Drilled:
    def drill(faults: set[Fault], task: str, most: int) -> Tally:
        conditions = Conditions(frozenset(faults), promise_of(stage.through), 1, stage.through)
        return Drill(stage.workspace, stage.exchange, stage.days[-1], conditions).run(task, most)

    return drill


def found(tally: Tally) -> list[str]:
    return [*tally.duplicates, *tally.lost, *tally.failed]


def sockets() -> int:
    names = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return sum(os.path.exists(name) and "socket:" in os.readlink(name) for name in names)


def test_what_a_broker_declares_is_what_its_exchange_promises() -> None:
    promises = {name: promise_of(name) for name in names()}
    assert promises == {
        "kite": Promise.NOTHING,
        "kotak_neo": Promise.REFUSES,
        "openalgo": Promise.NOTHING,
        "dhan": Promise.NOTHING,
    }


@pytest.mark.parametrize(
    ("declared", "promise"),
    [
        ({"visibility_lag": timedelta(minutes=2)}, Promise.LAG),
        ({"visibility_lag": timedelta(seconds=5)}, None),
        ({"refuses_repeated_tag": True, "visibility_lag": timedelta(minutes=2)}, None),
    ],
)
def test_a_drill_exchange_keeps_what_is_declared(
    declared: dict[str, Any], promise: Promise | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(adapter("dhan")), "capabilities", replace(adapter("dhan").capabilities, **declared))
    if promise is not None:
        assert promise_of("dhan") is promise
        return
    with pytest.raises(UsageError, match="the drill has no such exchange"):
        promise_of("dhan")


def lost_answers_prove_nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the adapter: an answer that was lost counts as a request that was never sent."""
    monkeypatch.setattr(transport, "Ambiguous", BrokerUnavailable)


def every_error_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the adapter: every error counts as a refusal by the broker."""
    monkeypatch.setattr(kite_api, "judge", lambda reply: None if reply.status < 300 else OrderRefused("no", passing=True))


def no_tag_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the rule behind the adapter: the tags in the broker's book join, adopt and forbid nothing."""
    match = reconcile._match
    monkeypatch.setattr(OrderPath, "_has_tag", lambda *_: False)
    monkeypatch.setattr(reconcile, "_match", lambda book, reports, of: match(book, [replace(r, tag=None) for r in reports], of))
    monkeypatch.setattr(reconcile, "_unmatched", lambda *_, **__: [])


BROKEN = {Fault.REPLY_LOST: lost_answers_prove_nothing_sent, Fault.ANSWERED_AS_REFUSED: every_error_is_a_refusal}
"""The fault that a broken adapter takes for something else."""


@pytest.fixture
def misread(drilled: Drilled, monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], Tally]:
    """The drill of an adapter that misreads a fault."""
    monkeypatch.setattr(crashes, "STOPS", 0)
    monkeypatch.setattr(crashes, "REAL_KILLS", 0)

    def drill(fault: Fault) -> Tally:
        BROKEN[fault](monkeypatch)
        tally = drilled({fault}, "buy", 3)
        assert tally.faults[fault] > 0
        return tally

    return drill


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("stage", ["kite"], indirect=True)
def test_an_adapter_that_misreads_an_answer_buys_nothing_twice(misread: Callable[[Fault], Tally], fault: Fault) -> None:
    """Each of the two rules alone prevents a second order: an intent whose tag is in the broker's book is never sent."""
    tally = misread(fault)
    assert (found(tally), tally.silent) == ([], [])


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("stage", ["kite"], indirect=True)
def test_it_finds_an_adapter_that_misreads_without_tags(
    misread: Callable[[Fault], Tally], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    no_tag_is_looked_at(monkeypatch)
    tally = misread(fault)
    assert any(line.endswith("2 times") or "was bought under the tags" in line for line in tally.duplicates), found(tally)
    assert tally.lost, found(tally)


@pytest.mark.parametrize(
    ("stage", "task"),
    [
        ("kite", "buy"),
        ("kotak_neo", "sell-monitor"),
        pytest.param("openalgo", "buy", marks=pytest.mark.slow),
        pytest.param("dhan", "buy", marks=pytest.mark.slow),
    ],
    indirect=["stage"],
)
def test_orders_done_and_answered_as_refused_are_survived(drilled: Drilled, task: str) -> None:
    tally = drilled({Fault.ANSWERED_AS_REFUSED}, task, 3)
    assert found(tally) == []
    assert tally.faults[Fault.ANSWERED_AS_REFUSED] > 0


@pytest.mark.parametrize(("stage", "task"), [("kite", "buy"), ("kotak_neo", "sell-monitor")], indirect=["stage"])
def test_deaths_and_lost_answers_leave_no_thread_or_socket(drilled: Drilled, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    monkeypatch.setattr(crashes, "STOPS", 1)
    monkeypatch.setattr(crashes, "REAL_KILLS", 1)
    before = set(threading.enumerate()), sockets()
    tally = drilled({Fault.REPLY_LOST}, task, 2)
    assert found(tally) == []
    assert tally.kills > tally.real_kills == tally.stops == 1
    assert tally.faults[Fault.REPLY_LOST] > 0
    assert (set(threading.enumerate()), sockets()) == before
