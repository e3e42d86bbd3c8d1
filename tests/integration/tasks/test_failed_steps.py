"""A step of the sell monitor that fails ends no day: the next one goes on. What stays without a sell is told by every task."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.integration.tasks.test_unprotected import bought, causes, told
from tests.support.afar import Front, put
from tests.support.hands import operate
from tests.support.trading import AFTER, Trading, ist
from tradectl.errors import BrokerUnavailable, DatabaseError, DataError, LoginNeeded, TradectlError
from tradectl.model.market import Quote
from tradectl.model.order import OrderStatus, Side
from tradectl.runtime.due import run_due
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner

Make = Callable[..., Trading]


class Minutes(Front):
    """The exchange; before it gives quotes it does what a test has for the minute of the day."""

    def __init__(self, market: Trading, script: Mapping[str, Callable[[], None]]) -> None:
        super().__init__(market.broker)
        self.script = {ist(AFTER, at): act for at, act in script.items()}
        self.clock = market.clock
        put(market, self)

    def quotes(self, symbols: list[str]) -> Mapping[str, Quote]:
        self.script.get(self.clock.now(), lambda: None)()
        found: Mapping[str, Quote] = self.exchange.quotes(symbols)
        return found


def failing(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def logged(market: Trading, action: str) -> list[str]:
    return [line.message for line in market.ledger.logs.list(action=action)]


@pytest.mark.parametrize(
    "error",
    [BrokerUnavailable("no route to 10.0.0.1"), LoginNeeded("the session has ended"), DataError("a quote is damaged")],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_read_ends_no_loop_and_is_told_once(trading: Make, error: TradectlError) -> None:
    market = bought(trading)
    Minutes(market, {"10:00": failing(error), "10:01": failing(error)})
    report = market.monitor(AFTER, "10:10")
    assert (report.outcome, report.exit_code) == ("completed", error.exit_code)
    assert report.error == f"a step failed: {error}"
    assert [order.status for order in market.orders(Side.SELL, AFTER)] == [OrderStatus.ONGOING]
    (line,) = logged(market, "step_failed")
    assert line == f"sell-monitor of {AFTER}: {report.error}. The next step tries again; resting orders stay unchanged"
    assert causes(market) == []
    row = market.ledger.executions.get("sell-monitor", AFTER, "")
    assert row is not None
    assert (row.status, row.steps) == ("running", 9)


def test_the_same_cause_with_other_figures_is_told_once(trading: Make) -> None:
    market = bought(trading)
    script = {f"10:0{n}": failing(BrokerUnavailable(f"no answer within {n}.5 s")) for n in range(3)}
    Minutes(market, script | {"10:03": failing(BrokerUnavailable("503 Service Unavailable"))})
    assert market.monitor(AFTER, "10:10").exit_code == 6
    assert len(logged(market, "step_failed")) == 2


def test_a_day_long_failure_is_told_as_an_unprotected_position(trading: Make) -> None:
    market = bought(trading)
    minutes = Minutes(market, {f"10:0{n}": failing(BrokerUnavailable("down")) for n in range(6)})
    minutes.script[ist(AFTER, "10:05")] = lambda: seen.extend(told(market))
    seen: list[str] = []
    assert market.monitor(AFTER, "10:10").exit_code == 6
    assert seen == ["broker_unreachable"], "before the loop has ended"
    assert [order.status for order in market.orders(Side.SELL, AFTER)] == [OrderStatus.ONGOING]
    assert logged(market, "protected") == ["ACME is no longer unprotected (the cause was: broker unreachable)"]


@pytest.mark.parametrize(
    ("error", "code"), [(DatabaseError("the disk is full"), 10), (ValueError("a bug"), 1)], ids=["database", "bug"]
)
def test_a_ledger_that_fails_and_a_bug_end_the_loop(trading: Make, error: Exception, code: int) -> None:
    market = bought(trading)
    Minutes(market, {"10:03": failing(error)})
    report = market.monitor(AFTER, "10:10")
    assert (report.outcome, report.exit_code, market.clock.now()) == ("failed", code, ist(AFTER, "10:03"))


@pytest.mark.parametrize("how", [{"once": True}, {"until": ist(AFTER, "10:00:30")}])
def test_the_last_step_of_a_loop_fails_as_it_fails(trading: Make, how: dict[str, object]) -> None:
    market = bought(trading)
    Minutes(market, {"10:00": failing(BrokerUnavailable("down"))})
    report = market.run("sell-monitor", **how)
    assert (report.outcome, report.exit_code) == ("failed", 6)


# what every task tells


def test_position_monitor_reports_a_stopped_sell_monitor(trading: Make) -> None:
    market = bought(trading, "10:30")
    said = operate(market, "position-monitor")
    assert (said.code, "ACME: 100 of 100 shares have no live sell order (monitor not running)" in said.err) == (11, True)
    assert told(market) == ["monitor_not_running"]
    row = market.ledger.executions.get("position-monitor", AFTER, "10:30")
    assert row is not None
    assert row.status == "completed", "its own work is done"
    again = operate(market, "position-monitor", "--strict")
    assert (again.code, told(market)) == (11, ["monitor_not_running"])


def test_position_monitor_is_0_where_every_position_has_its_sell(trading: Make) -> None:
    market = bought(trading, "10:29")
    market.monitor(AFTER, "10:30")
    report = market.run("position-monitor")
    assert (report.outcome, report.exit_code, told(market)) == ("completed", 0, [])


def test_a_dry_run_of_another_task_tells_nothing(trading: Make) -> None:
    market = bought(trading, "10:30")
    assert (market.run("position-monitor", dry_run=True).exit_code, told(market)) == (0, [])


def test_run_due_says_a_position_once(trading: Make) -> None:
    market = bought(trading, "10:30")
    market.ledger.schedules.disable("sell-monitor")
    report = run_due(Runner(market.world, all_tasks(), trigger="cron"))
    assert report.error.count("ACME: 100 of 100") == 1
    assert (report.outcome, report.exit_code) == ("missed", 12), "the slots of the morning are graver"


# the halt marker


def test_the_ledger_follows_the_marker_at_the_next_mark(trading: Make) -> None:
    """`halt` set the marker alone, since the ledger was locked at that moment."""
    market = bought(trading)
    states: list[str] = []
    minutes = Minutes(market, {"10:01": lambda: market.marker.set("HALTED", "enough", market.clock.now())})
    minutes.script[ist(AFTER, "10:02")] = lambda: states.append(market.ledger.users.get("asha").trading_state)
    market.monitor(AFTER, "10:05")
    assert states == ["HALTED"], "while the loop goes on"
