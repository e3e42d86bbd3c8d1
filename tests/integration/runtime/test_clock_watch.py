"""A clock that jumps: slots that it closed open again, and each jump is reported once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.runtime.stage import DAY, Stage, ist, stage, staged
from tests.support.addresses import address, path, server
from tradectl.clock import SystemClock
from tradectl.context import Context
from tradectl.errors import BrokerUnavailable
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.executions import Claim, Executions, Held
from tradectl.ledger.process_identity import boot_id, current_identity
from tradectl.runtime.clock_watch import ClockReading, jump, last_jump
from tradectl.runtime.due import run_due
from tradectl.task import Outcome

__all__ = ["address", "path", "server"]

ELSEWHERE = "another-host:another-boot:1:1"
AHEAD = timedelta(hours=5, minutes=30)
At = Callable[[datetime], Stage]


class SetClock(SystemClock):
    """A machine's clock that a test sets; it stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def machine_now(self) -> datetime:
        return self.moment


@pytest.fixture
def at(address: str, sessions: SessionTable) -> Iterator[At]:
    """The home of this test; each call is a new process on a machine that has this time."""
    first = stage(address, sessions, SetClock(ist(9)))

    def begin(moment: datetime) -> Stage:
        return staged(first.world, first.calls, first.tasks, first.notifier, SetClock(moment), "cron")

    yield begin
    first.ledger.database.close()


def told(home: Stage) -> list[str]:
    return [line.message for line in home.ledger.logs.list(action="clock_jumped")]


MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 1, 7, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "uptime", "boot", "by"),
    [
        (MINUTE, 60, "a", 0),
        (timedelta(hours=9), 9 * 3600, "a", 0),  # it slept
        (timedelta(seconds=61), 1, "a", 0),  # NTP
        (AHEAD + MINUTE, 60, "a", 19800),
        (MINUTE - AHEAD, 60, "a", -19800),
        (timedelta(0), 600, "a", -600),
        (MINUTE - AHEAD, 5, "b", -19740),  # it booted with the time of India in its clock, and was set right
        (AHEAD, 5, "b", 0),  # it was off
        (MINUTE - AHEAD, 60, "", -19740),
        (AHEAD, 60, "", 0),
    ],
)
def test_a_jump_is_what_uptime_does_not_explain(clock: timedelta, uptime: float, boot: str, by: int) -> None:
    before = ClockReading(NOON, 1000.0, "a" if boot else "")
    assert jump(before, ClockReading(NOON + clock, 1000.0 + uptime, boot)) == timedelta(seconds=by)


def test_this_machine_knows_its_boot() -> None:
    assert boot_id() == "" or len(boot_id()) == 36


def test_a_missed_slot_runs_when_its_window_is_open_again(at: At) -> None:
    run_due(at(ist(11) + AHEAD).runner)
    home = at(ist(11, 1))
    missed = home.row("hourly", "10:30")
    assert missed is not None
    assert missed.status == "missed"
    report = run_due(home.runner)
    assert report.missed == tuple(f"{name} of 2026-01-07" for name in ("retry 08:00", "retry 08:40", "adjust", "hourly 09:30"))
    assert (report.exit_code, len(report.warnings)) == (12, 1)
    assert "went back by 5:" in report.warnings[0]
    assert home.calls.times("watch") == ["11:01:00"]
    assert home.calls.times("hourly")[-1] == "11:01:00"
    row = home.row("hourly", "10:30")
    assert row is not None
    assert (row.status, row.attempt, row.forced) == ("completed", 1, 0)
    assert run_due(at(ist(11, 2)).runner).warnings == ()


def test_a_command_for_it_runs_and_is_no_longer_missed(at: At) -> None:
    run_due(at(ist(11) + AHEAD).runner)
    assert at(ist(11, 1)).run("watch", once=True).outcome == "completed"
    assert at(ist(11, 1)).run("hourly", slot="09:30").outcome == "missed"


def test_a_slot_missed_in_its_own_time_too_is_reported_then(at: At) -> None:
    run_due(at(ist(11) + AHEAD).runner)
    run_due(at(ist(11, 1)).runner)
    report = run_due(at(ist(12, 1)).runner)
    assert (report.exit_code, report.missed) == (12, ("hourly 11:30 of 2026-01-07",))
    assert run_due(at(ist(12, 2)).runner).exit_code == 0


def test_a_monitor_that_the_wrong_time_ended_goes_on(at: At) -> None:
    run_due(at(ist(10)).runner)
    run_due(at(ist(10, 30) + AHEAD).runner)
    ended = at(ist(10, 1)).row("watch")
    assert ended is not None
    assert ended.status == "completed"
    run_due(at(ist(10, 1)).runner)
    row = at(ist(10, 1)).row("watch")
    assert row is not None
    assert (row.status, row.steps) == ("running", 2)


def test_a_task_that_may_be_repeated_is_done_in_its_own_time(at: At) -> None:
    """`analyze` sends nothing. Until it has run again, what needs it waits."""
    run_due(at(ist(10, 35) + AHEAD).runner)
    home = at(ist(16))
    assert home.run("buy").outcome == "outside_window"
    assert run_due(home.runner).exit_code == 0
    assert home.calls.times("analyze") == ["16:05:00", "16:00:00"]


def test_a_failure_of_the_wrong_time_delays_nothing(at: At) -> None:
    def fails(context: Context) -> Outcome:
        raise BrokerUnavailable("down")

    first = at(ist(11) + timedelta(minutes=20))
    first.calls.script["hourly"] = fails
    run_due(first.runner)
    home = at(ist(11, 1))
    del home.calls.script["hourly"]
    run_due(home.runner)
    assert home.calls.times("hourly") == ["11:20:00", "11:01:00"]


def test_a_beat_of_the_wrong_time_holds_nothing(at: At) -> None:
    """The machine booted with a clock that was ahead: nothing here can prove that its process died."""
    wrong = ist(11) + AHEAD
    executions = at(ist(11)).ledger.executions
    given = executions.claim("watch", DAY, "", owner=ELSEWHERE, trigger="cron", machine_now=wrong, now=wrong)
    assert isinstance(given, Claim)
    assert run_due(at(ist(11, 1)).runner).exit_code == 12
    assert at(ist(11, 1)).calls.times("watch") == ["11:01:00"]


def test_a_beat_of_a_clock_a_little_ahead_holds(at: At) -> None:
    executions: Executions = at(ist(11)).ledger.executions
    now = ist(11)
    executions.claim("watch", DAY, "", owner=ELSEWHERE, trigger="cron", machine_now=now + MINUTE, now=now + MINUTE)
    assert isinstance(
        executions.claim("watch", DAY, "", owner=current_identity(), trigger="cron", machine_now=now, now=now), Held
    )


def test_what_another_machine_has_just_done_is_not_done_again(at: At) -> None:
    """Two machines with one database; the clock of one is half a minute ahead."""
    run_due(at(ist(10, 31)).runner)
    assert at(ist(10, 30, 30)).run("hourly", slot="10:30").outcome == "already_completed"


def test_a_heartbeat_of_another_time_is_not_running(at: At) -> None:
    run_due(at(ist(11) + AHEAD).runner)
    (service,) = at(ist(11)).ledger.service.list()
    assert service.running(ist(11) + AHEAD)
    assert not service.running(ist(11))


def test_a_loop_finds_missed_slots_after_a_clock_jump(at: At) -> None:
    home = at(ist(10))
    clock = home.world.clock
    assert isinstance(clock, SetClock)
    run_due(home.runner)
    clock.moment = ist(10) + timedelta(days=1)
    run_due(home.runner)
    clock.moment = ist(10, 1)
    run_due(home.runner)
    assert home.calls.times("watch") == ["10:00:00", "10:00:00", "10:01:00"]
    clock.moment = ist(12, 1)
    assert run_due(home.runner).missed == ("hourly 10:30 of 2026-01-07", "hourly 11:30 of 2026-01-07")


def test_a_jump_is_reported_to_every_user_once(at: At) -> None:
    home = at(ist(11))
    if len(home.ledger.users.list()) == 1:
        home.ledger.users.add("ravi", capital=0, created_at=ist(8))
    run_due(home.runner)
    run_due(at(ist(9)).runner)
    for user in ("asha", "ravi"):
        own = home.ledger.for_user(user)
        assert len([line for line in own.logs.list(action="clock_jumped") if "went back by 2:" in line.message]) == 1
        assert [item.title for item in own.outbox.pending()] in ([], ["the machine's clock jumped"])
    assert "went back by 2:" in last_jump(at(ist(9, 1)).world)
    assert last_jump(at(ist(9) + timedelta(days=8)).world) == ""


def test_a_ledger_from_before_knows_its_last_event(path: Path, sessions: SessionTable) -> None:
    """It has no look of the clock, but it has executions."""
    home = stage(path, sessions, SetClock(ist(11)))
    home.ledger.executions.record_missed("retry", DAY, "08:00", ist(16))
    run_due(home.runner)
    assert "went back by 5:00:00, from 2026-01-07 16:00 to 2026-01-07 11:00 IST" in told(home)[0]
    home.ledger.database.close()
