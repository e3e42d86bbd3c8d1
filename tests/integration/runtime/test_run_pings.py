"""What the runner reports to a dead-man's switch, and that a switch that is down changes nothing."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from datetime import time as clock_time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.integration.notify.checks import SECRET, Checks, checks_server
from tests.integration.runtime.stage import Stage, ist
from tradectl.clock import stopwatch
from tradectl.context import Context
from tradectl.errors import BrokerUnavailable
from tradectl.model.moment import at_ist
from tradectl.notify.healthchecks import HealthchecksPings
from tradectl.runtime.closed_day_pings import ping_closed_day
from tradectl.runtime.due import run_due
from tradectl.runtime.runner import Runner
from tradectl.task import Outcome

At = Callable[[datetime], Stage]


@pytest.fixture
def checks() -> Iterator[Checks]:
    with checks_server() as found:
        yield found


def pinged(at_file: At, checks: Checks) -> Stage:
    return with_pings(at_file(ist(16)), HealthchecksPings(lambda: checks.url))


def with_pings(stage: Stage, pings: HealthchecksPings) -> Stage:
    """The same stage, whose runner reports to a dead-man's switch."""
    runner = Runner(replace(stage.world, pings=pings), stage.tasks, trigger=stage.runner.trigger)
    return dataclasses.replace(stage, runner=runner)


def test_each_outcome_of_a_task_has_its_ping(at_file: At, checks: Checks) -> None:
    stage = pinged(at_file, checks)
    assert stage.run("analyze").outcome == "completed"
    assert stage.run("analyze").outcome == "already_completed"
    assert stage.run("retry", slot="08:00").exit_code == 12

    def fails(context: Context) -> Outcome:
        raise BrokerUnavailable("down")

    stage.calls.script["buy"] = fails
    stage.world.clock.sleep(300)
    assert stage.run("buy").exit_code == 6
    assert stage.run("buy", dry_run=True) is not None
    assert checks.pings == ["/start", "/0", "/start", "/6"]
    assert checks.received[-1][2] == "buy: failed, exit code 6"


def test_a_start_is_sent_before_the_work(at_file: At, checks: Checks) -> None:
    stage = pinged(at_file, checks)
    seen: list[list[str]] = []

    def work(context: Context) -> Outcome:
        limit = stopwatch() + 20
        while not checks.received and stopwatch() < limit:
            threading.Event().wait(0.01)
        seen.append(checks.pings)
        return Outcome()

    stage.calls.script["analyze"] = work
    stage.run("analyze")
    assert seen == [["/start"]]


def test_a_failed_ping_is_logged_once_and_changes_no_code(at_file: At, checks: Checks) -> None:
    checks.answer = (500, "")
    stage = pinged(at_file, checks)
    reports = [stage.run("analyze"), stage.run("analyze", force=True)]
    assert [report.exit_code for report in reports] == [0, 0]
    (line,) = stage.ledger.logs.list(action="ping_failed")
    assert "replied 500" in line.message
    assert (line.level, SECRET in line.message) == ("warning", False)


def test_the_secret_address_is_kept_out_of_the_ledger(at_file: At, checks: Checks, tmp_path: Path) -> None:
    from tradectl.bootstrap.worlds import pings_of
    from tradectl.settings import load

    stage = at_file(ist(16))
    settings = load(home=str(tmp_path), environment={})
    assert pings_of(settings, stage.ledger) is None
    stage.ledger.settings.credentials(settings.secret_key).set("ping.url", checks.url)
    pings = pings_of(settings, stage.ledger)
    assert pings is not None
    pings.start("buy")
    pings.end("buy", 0, "")
    assert pings.finish() == ""
    assert checks.pings == ["/start", "/0"]
    with stage.ledger.database.read() as connection:
        values = connection.exec_driver_sql("SELECT value FROM user_settings").scalars().all()
    assert [SECRET in value for value in values] == [False]


HOLIDAY = date(2023, 8, 15)


def on(day: date, time: str, stage: Stage, checks: Checks) -> Stage:
    """The same home in a new process at a moment."""
    moved = stage.at(at_ist(day, clock_time.fromisoformat(time)))
    return with_pings(moved, HealthchecksPings(lambda: f"{checks.url}/{{task}}"))


def test_on_a_holiday_run_due_pings_each_slot(at_file: At, checks: Checks) -> None:
    """Each pass is a process of its own. A disabled task has no ping, and no task runs. A monitor has a ping for each pass."""
    stage = at_file(ist(16))
    stage.ledger.schedules.seed(stage.tasks)
    stage.ledger.schedules.disable("analyze")
    expected: Counter[str] = Counter()
    for row in stage.ledger.schedules.list():
        for at in row.times if row.enabled else ():
            text = f"{row.task} {at:%H:%M}: not_a_session, the exchange is closed (Independence Day), exit code 0"
            expected[text] = 3 if row.every else 1  # at 12:00, at 12:01 and its last step
    for time in ("08:00", "08:01", "12:00", "12:01", "23:58", "23:59"):
        assert run_due(on(HOLIDAY, time, stage, checks).runner).exit_code == 0
    assert Counter(body for _, _, body in checks.received) == expected
    assert set(expected.values()) == {1, 3}
    assert all(path.endswith("/0") for path, _, _ in checks.received)
    assert stage.ledger.executions.on(HOLIDAY) == {}


@pytest.mark.parametrize("day", [date(2023, 8, 16), date(2031, 8, 13)])
def test_a_session_and_an_unknown_day_get_no_ping_of_a_holiday(at_file: At, checks: Checks, day: date) -> None:
    moved = on(day, "23:59", at_file(ist(16)), checks)
    ping_closed_day(moved.runner)
    assert checks.received == []
