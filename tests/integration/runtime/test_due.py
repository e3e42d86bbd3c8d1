"""The slots that are due now, and one pass over them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from tests.integration.runtime.stage import DAY, HOLIDAY, Stage, ist
from tradectl.context import Context
from tradectl.errors import BrokerUnavailable, DataError
from tradectl.ledger.process_identity import current_identity
from tradectl.runtime.due import due_now, run_due
from tradectl.runtime.outcomes import Report, gravest
from tradectl.runtime.repeated_errors import new_errors
from tradectl.task import Outcome

At = Callable[[datetime], Stage]


def fails(error: Exception) -> Callable[[Context], Outcome]:
    def run(context: Context) -> Outcome:
        raise error

    return run


def names(stage: Stage) -> list[str]:
    return [window.name for window in due_now(stage.runner)]


def outcomes(report: Report) -> list[tuple[str, str]]:
    return [(f"{item['task']} {item['slot']}".strip(), item["outcome"]) for item in report.result["reports"]]


def test_nothing_is_due_before_the_day_and_on_a_holiday(at: At) -> None:
    report = run_due(at(ist(7)).runner)
    assert (report.outcome, report.exit_code, report.message) == ("completed", 0, "nothing is due")
    assert run_due(at(ist(10, day=HOLIDAY)).runner).message == "nothing is due"


def test_each_due_slot_runs_once_and_a_monitor_one_step(at: At) -> None:
    stage = at(ist(9, 30))
    report = run_due(stage.runner)
    assert [item for item in outcomes(report) if item[0] != "run-due"] == [("watch", "completed"), ("hourly 09:30", "completed")]
    assert stage.calls.times("watch") == ["09:30:00"]
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.owner) == ("running", None)
    assert names(at(ist(9, 31))) == ["watch"]


def test_cron_each_minute_makes_a_whole_day(at: At) -> None:
    moment = ist(7, 59)
    while moment < ist(17):
        run_due(at(moment).runner)
        moment += timedelta(minutes=1)
    stage = at(moment)
    assert {(row.task, row.slot, row.status) for row in stage.ledger.executions.list()} == {
        ("retry", "08:00", "completed"),
        ("retry", "08:40", "completed"),
        ("adjust", "", "completed"),
        ("watch", "", "completed"),
        ("hourly", "09:30", "completed"),
        ("hourly", "10:30", "completed"),
        ("hourly", "11:30", "completed"),
        ("analyze", "", "completed"),
        ("buy", "", "completed"),
    }
    watch = stage.row("watch")
    assert watch is not None
    assert (watch.steps, watch.attempt, len(stage.calls.seen)) == (376, 1, 376 + 8)


def test_what_was_missed_is_12_once(at: At) -> None:
    report = run_due(at(ist(9, 10)).runner)
    assert (report.outcome, report.exit_code) == ("missed", 12)
    assert report.missed == ("retry 08:00 of 2026-01-07", "retry 08:40 of 2026-01-07", "adjust of 2026-01-07")
    assert run_due(at(ist(9, 11)).runner).exit_code == 0


def test_a_failing_task_stops_no_other_and_the_gravest_code_wins(at: At) -> None:
    at(ist(8)).runner.rows()
    stage = at(ist(9, 30))
    stage.calls.script["watch"] = fails(DataError("a stale price"))
    report = run_due(stage.runner)
    assert ("hourly 09:30", "completed") in outcomes(report)
    assert ("watch", "failed") in outcomes(report)
    assert (report.outcome, report.exit_code) == ("failed", 8)


def test_a_failed_task_rests_before_it_runs_again(at: At) -> None:
    stage = at(ist(16))
    stage.calls.script["analyze"] = fails(BrokerUnavailable("no data yet"))
    for minute in range(12):
        run_due(at(ist(16, minute)).runner)
    assert stage.calls.times("analyze") == ["16:00:00", "16:01:00", "16:03:00", "16:07:00"]
    assert at(ist(16, 12)).run("analyze").outcome == "failed"


def test_a_failed_monitor_is_tried_again_the_next_minute(at: At) -> None:
    stage = at(ist(10))
    stage.calls.script["watch"] = fails(BrokerUnavailable("down"))
    for minute in range(3):
        run_due(at(ist(10, minute)).runner)
    assert len(stage.calls.times("watch")) == 3


def test_what_is_held_is_not_due(at: At) -> None:
    stage = at(ist(9, 5))
    now = stage.world.clock.machine_now()
    stage.ledger.executions.claim("adjust", DAY, "", owner="elsewhere:0:1:1", trigger="cron", machine_now=now, now=now)
    assert names(stage) == []


def test_buy_is_not_due_while_analyze_is_at_work(at: At) -> None:
    stage = at(ist(16, 5))
    now = stage.world.clock.machine_now()
    stage.ledger.executions.claim("analyze", DAY, "", owner=current_identity(), trigger="cron", machine_now=now, now=now)
    assert names(stage) == []
    assert names(at(ist(22, 50))) == []


def test_buy_follows_a_late_analyze_in_the_same_pass(at: At) -> None:
    assert outcomes(run_due(at(ist(17)).runner))[-2:] == [("analyze", "completed"), ("buy", "completed")]


def test_a_date_outside_the_session_table_is_8(at: At) -> None:
    report = run_due(at(ist(20, day=date(2031, 1, 1))).runner)
    assert (report.outcome, report.exit_code) == ("failed", 8)


def test_a_pass_beats_its_service(at: At) -> None:
    stage = at(ist(9, 30))
    run_due(stage.runner)
    (service,) = stage.ledger.service.list()
    assert (service.service, service.status) == ("run-due", "running")
    assert "watch completed" in service.detail
    assert service.running(stage.world.clock.machine_now())


@pytest.mark.parametrize(
    ("codes", "worst"),
    [((0, 11, 12), 12), ((7, 6), 7), ((10, 7), 10), ((1, 10), 1), ((143, 1), 143), ((0, 0), 0)],
)
def test_the_gravest_is_by_what_it_means_and_not_by_its_number(codes: tuple[int, ...], worst: int) -> None:
    found = gravest(Report("buy", DAY, "", "failed", code) for code in codes)
    assert found is not None
    assert found.exit_code == worst
    assert gravest([]) is None


def test_a_quiet_pass_prints_the_error_of_a_slot_once(at: At) -> None:
    said = []
    for minute in range(1, 60):
        stage = at(ist(8, minute))
        stage.calls.script["retry"] = fails(DataError(f"no bars of 2023-07-21, try {minute}"))
        said.append(run_due(stage.runner, once_a_day=True).unprinted or ())
    assert [lines for lines in said if lines] == [
        ("retry 08:00: no bars of 2023-07-21, try 1",),
        ("retry 08:40: no bars of 2023-07-21, try 40",),
    ]


def test_a_failed_analyze_and_the_blocked_buy_are_one_error(at: At) -> None:
    run_due(at(ist(15, 59)).runner)  # reports what the morning missed
    stage = at(ist(16, 6))
    stage.calls.script["analyze"] = fails(DataError("no bars"))
    report = run_due(stage.runner)
    assert outcomes(report)[-2:] == [("analyze", "failed"), ("buy", "blocked")]
    assert (report.exit_code, report.error, report.unprinted) == (8, "no bars", ("analyze: no bars",))
    assert stage.notifier.sent.count("analyze failed") == 1
    assert "buy is blocked" not in stage.notifier.sent
    assert "analyze of 2026-01-07: no bars. buy cannot run until it completes" in stage.notifier.bodies
    later = run_due(at(ist(16, 6, second=30)).runner)  # analyze rests, so only buy is tried
    assert (outcomes(later), later.exit_code, later.unprinted) == ([("buy", "blocked")], 9, ())
    assert "needs analyze" in later.error


@pytest.mark.parametrize("code", [7, 11])
def test_a_grave_error_is_printed_again_each_hour(at: At, code: int) -> None:
    report = Report("watch", DAY, "", "completed", code, error="ACME: no live sell")
    due_at = [
        minute for minute in range(0, 150, 10) if new_errors(at(ist(10) + timedelta(minutes=minute)).runner.world, [report])
    ]
    assert due_at == [0, 60, 120]


def test_an_error_of_yesterday_is_printed_again(at: At) -> None:
    report = Report("analyze", DAY, "", "failed", 8, error="no list of corporate actions")
    moments = (ist(16), ist(17), ist(16) + timedelta(days=1))
    assert [len(new_errors(at(moment).runner.world, [report])) for moment in moments] == [1, 0, 1]
