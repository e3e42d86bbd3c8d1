"""Deaths and faults while an own strategy trades: its targets, exits, stops and second buys are sold and bought once."""

from __future__ import annotations

import pytest

from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill import days
from tradectl.lab.drill.crashes import Drill
from tradectl.lab.drill.process import NO_FAULTS, Conditions, DrillProcess, play_step
from tradectl.lab.drill.seeds import DrillWorker
from tradectl.lab.faults import Fault, Promise
from tradectl.model.order import OrderStatus, Purpose
from tradectl.strategy.strategy import EXPRESSIONS
from tradectl.strategy.strategy_forms import strategy_of

TEXT = """
entry = "close < prev(close, 1)"
target = "entry * 1.03"
stop = "entry * 0.97"
reentry = ["close < entry", "close < entry * 0.99"]
max_days = 3
"""


@pytest.fixture(scope="module")
def own_stage(tmp_path_factory: pytest.TempPathFactory, sessions: SessionTable) -> DrillWorker:
    work = tmp_path_factory.mktemp("own")
    days.make(work / "market", sessions)
    return DrillWorker(work, work / "market", of=slice(5, 10), strategy=strategy_of("dips", EXPRESSIONS, TEXT))


def test_the_days_have_each_kind_of_order(own_stage: DrillWorker) -> None:
    last = own_stage.days[-1]
    own_stage.workspace.restore(f"day-{last.number}")
    process = DrillProcess(own_stage.workspace, own_stage.exchange, NO_FAULTS, last.begins)
    for step in last.steps():
        play_step(process, step)
    orders = process.ledger.book.orders()
    process.end()
    assert {order.strategy for order in orders} == {"dips"}
    traded = {order.purpose for order in orders if order.status is OrderStatus.EXECUTED}
    assert traded >= {Purpose.ENTRY, Purpose.REENTRY, Purpose.TARGET, Purpose.STOP}


@pytest.mark.parametrize("most", [4, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", [Fault.CANCEL_CROSSES_FILL, Fault.SLOW_BOOK, Fault.PARTIAL_FILLS])
def test_nothing_is_traded_twice_lost_or_silent(own_stage: DrillWorker, fault: Fault, most: int) -> None:
    conditions = Conditions(frozenset({fault}), Promise.NOTHING, 3)
    tally = Drill(own_stage.workspace, own_stage.exchange, own_stage.days[-1], conditions).run("sell-monitor", most)
    assert tally.runs >= 1 + most
    assert (tally.duplicates, tally.lost, tally.failed, tally.silent) == ([], [], [], [])
