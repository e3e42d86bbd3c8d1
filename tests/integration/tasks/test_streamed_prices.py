"""The sell monitor says what becomes of a broker's stream of prices that it holds: each change once; where none is, nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.integration.brokers.test_prices import AlwaysArmed, Tape
from tests.support.trading import SESSIONS, D, Trading, ist, stock
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.http.stream import NOT_YET
from tradectl.halt_marker import MemoryMarker
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.task import Outcome, Task

FLAT = {D: (9500, 9500, 9500, 9500)}


class Streaming:
    """The paper exchange, with a stream whose troubles are put in by hand."""

    def __init__(self, exchange: Any) -> None:
        self._exchange, self.tape = exchange, Tape()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange, name)

    def ticker(self) -> Tape:
        return self.tape


@pytest.fixture
def held(trading: Callable[..., Trading]) -> Trading:
    """A position, in the morning."""
    market = trading(stock(on=FLAT))
    market.buy(100, 9600)
    market.to(D, "09:15")
    return market


@pytest.fixture
def tape(held: Trading) -> Tape:
    """The stream that the monitor holds, which is on its way."""
    exchange = Streaming(held.broker)
    exchange.tape.trouble = NOT_YET
    guarded = GuardedBroker(exchange, AlwaysArmed(), held.clock, SESSIONS, held.market, marker=MemoryMarker())
    guarded.stream()
    held.world = replace(held.world, broker=guarded)
    return exchange.tape


def through(market: Trading, until: str, tape: Tape, troubles: dict[str, str]) -> dict[str, Any]:
    """The result of a monitor during which the stream changes after the minutes that are named."""

    def watched(_task: Task, now: object, _outcome: Outcome) -> None:
        changes = {ist(D, at): trouble for at, trouble in troubles.items()}
        tape.trouble = changes.get(now, tape.trouble)

    task = next(task for task in all_tasks() if task.name == "sell-monitor")
    report = Runner(market.world, all_tasks(), trigger="manual", progress=watched).run(task, until=ist(D, until))
    assert report.exit_code == 0, report.error
    return dict(report.result)


def lines(market: Trading) -> list[tuple[object, str, str]]:
    """What the log says of the stream, oldest first."""
    found = market.ledger.logs.list(action="stream")
    return sorted((line.at, line.level, line.message) for line in found)


def test_each_change_of_the_stream_is_logged_once(held: Trading, tape: Tape) -> None:
    troubles = {"09:17": "", "09:20": "the connection broke (OSError)", "09:30": "Kite refuses the connection (403)", "09:40": ""}
    through(held, "09:50", tape, troubles)
    assert lines(held) == [
        (ist(D, "09:18"), "info", "the price stream is connected"),
        (
            ist(D, "09:21"),
            "warning",
            "the price stream is not connected, so each price is requested: the connection broke (OSError)",
        ),
        (
            ist(D, "09:31"),
            "warning",
            "the price stream is not connected, so each price is requested: Kite refuses the connection (403)",
        ),
        (ist(D, "09:41"), "info", "the price stream is connected"),
    ]


@pytest.mark.parametrize("trouble", ["", "the connection broke (OSError)"])
def test_the_first_step_says_what_troubles_the_stream(held: Trading, tape: Tape, trouble: str) -> None:
    tape.trouble = trouble
    assert through(held, "09:17", tape, {})["first_step"]["stream"] == trouble


def test_without_a_stream_the_first_step_says_so_unlogged(held: Trading) -> None:
    assert held.monitor(D, "09:20").result["first_step"]["stream"] is None
    assert lines(held) == []
