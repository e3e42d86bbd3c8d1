"""Each outcome of the runner, its exit code, and what is stored for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from tests.integration.runtime.stage import DAY, HOLIDAY, Stage, ist
from tradectl.context import Context
from tradectl.errors import Blocked, BrokerUnavailable, ConfigurationError, Interrupted, UsageError
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.schema import metadata
from tradectl.runtime.runner import Runner
from tradectl.strategy.parameters import Parameters
from tradectl.task import Outcome, Schedule

At = Callable[[datetime], Stage]


def dump(stage: Stage) -> list[str]:
    """Every row of the database."""
    with stage.ledger.database.read() as connection:
        found = {
            table.name: connection.execute(table.select().order_by(*table.primary_key)).all() for table in metadata.sorted_tables
        }
    return [f"{name}: {row}" for name, rows in found.items() for row in rows]


# -- the words -----------------------------------------------------------------------------------------------------------


def test_completed_is_0_and_says_what_was_done(at: At) -> None:
    stage = at(ist(9, 5))
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code, report.result) == ("completed", 0, {"done": 1})
    row = stage.row("adjust")
    assert row is not None
    assert (row.status, row.steps, row.attempt, row.trigger, row.owner) == ("completed", 1, 1, "manual", None)
    assert [line.action for line in stage.ledger.logs.list(task="adjust")] == ["task_completed"]


def test_already_completed_is_0_and_does_nothing_again(at: At) -> None:
    at(ist(9, 5)).run("adjust")
    stage = at(ist(9, 6))
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code, report.result) == ("already_completed", 0, {"done": 1})
    assert stage.calls.times("adjust") == ["09:05:00"]


def test_already_completed_stays_so_after_the_window(at: At) -> None:
    at(ist(9, 5)).run("adjust")
    assert at(ist(12)).run("adjust").outcome == "already_completed"


def test_a_holiday_is_refused_by_its_name(at: At) -> None:
    report = at(ist(9, 5, day=HOLIDAY)).run("adjust")
    assert (report.outcome, report.exit_code) == ("not_a_session", 0)
    assert "Republic Day" in report.message


def test_a_sunday_is_refused(at: At) -> None:
    report = at(ist(9, 5, day=date(2026, 1, 11))).run("adjust")
    assert (report.outcome, report.exit_code) == ("not_a_session", 0)
    assert "Sunday" in report.message


def test_muhurat_is_a_session_but_not_a_run_session(at: At) -> None:
    table = at(ist(9)).world.sessions
    special = [session for session in table.between(table.first, table.last) if not session.runs]
    for session in special[-3:]:
        day = session.date
        assert at(ist(9)).run("adjust", session=day).outcome == "not_a_session"


def test_a_date_outside_the_session_table_is_8(at: At) -> None:
    report = at(ist(20, day=date(2031, 1, 1))).run("adjust")
    assert (report.outcome, report.exit_code) == ("failed", 8)


def test_disabled_is_0(at: At) -> None:
    stage = at(ist(9, 5))
    stage.runner.rows()
    stage.ledger.schedules.disable("adjust")
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code, stage.calls.seen) == ("disabled", 0, [])


def test_too_early_is_0_and_writes_no_row(at: At) -> None:
    stage = at(ist(9, 4, 59))
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code) == ("outside_window", 0)
    assert "09:05" in report.message
    assert stage.row("adjust") is None


def test_a_late_start_still_runs(at: At) -> None:
    assert at(ist(9, 7, 29)).run("adjust").outcome == "completed"


def test_past_the_window_is_missed_and_12(at: At) -> None:
    stage = at(ist(9, 7, 30))
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code) == ("missed", 12)
    row = stage.row("adjust")
    assert row is not None
    assert row.status == "missed"
    again = at(ist(9, 8)).run("adjust")
    assert (again.outcome, again.exit_code, again.missed) == ("missed", 12, ())


def test_a_slot_that_is_held_is_busy_and_0(at: At) -> None:
    stage = at(ist(9, 5))
    now = stage.world.clock.machine_now()
    stage.ledger.executions.claim("adjust", DAY, "", owner="elsewhere:0:1:1", trigger="cron", machine_now=now, now=now)
    report = stage.run("adjust", force=True)
    assert (report.outcome, report.exit_code, stage.calls.seen) == ("busy", 0, [])
    assert "elsewhere" in report.message


def test_a_dead_owner_does_not_make_it_busy(at: At) -> None:
    stage = at(ist(9, 5))
    host, boot, _, _ = current_identity().rsplit(":", 3)
    now = stage.world.clock.machine_now()
    dead = f"{host}:{boot}:999999999:1"
    stage.ledger.executions.claim("adjust", DAY, "", owner=dead, trigger="cron", machine_now=now, now=now)
    report = stage.run("adjust")
    row = stage.row("adjust")
    assert row is not None
    assert (report.outcome, row.attempt) == ("completed", 2)


def test_buy_waits_for_analyze_loudly_but_tells_it_once(at: At) -> None:
    stage = at(ist(16, 5))
    report = stage.run("buy")
    assert (report.outcome, report.exit_code) == ("blocked", 9)
    assert "needs analyze" in report.error
    assert stage.row("buy") is None
    at(ist(16, 6)).run("buy")
    assert stage.notifier.sent.count("buy is blocked") == 1
    assert at(ist(16, 7)).run("analyze").outcome == "completed"
    assert at(ist(16, 8)).run("buy").outcome == "completed"


def test_buy_is_blocked_by_an_analyze_that_failed(at: At) -> None:
    stage = at(ist(16))
    stage.calls.script["analyze"] = lambda context: (_ for _ in ()).throw(BrokerUnavailable("no data"))
    assert stage.run("analyze").exit_code == 6
    assert at(ist(16, 5)).run("buy").outcome == "blocked"


def test_a_user_may_buy_from_the_admins_signals(at: At) -> None:
    stage = at(ist(16))
    stage.run("analyze")
    stage.ledger.users.add("ravi", capital=1, created_at=ist(8))
    ravi = replace(stage.world, user="ravi", ledger=stage.ledger.for_user("ravi"))
    runner = Runner(ravi, stage.tasks, trigger="manual")
    clocked = replace(ravi, clock=at(ist(16, 5)).world.clock)
    assert runner.run(stage.task("analyze"), dry_run=True).outcome == "completed"
    late = Runner(clocked, stage.tasks, trigger="manual")
    assert late.run(stage.task("buy")).outcome == "blocked"  # his own analyze is enabled, so it is his own that he needs
    ravi.ledger.schedules.disable("analyze")
    assert late.run(stage.task("buy")).outcome == "completed"
    named = replace(clocked, parameters=dataclasses.replace(Parameters(), signals_from="nobody"))
    with pytest.raises(UsageError, match="nobody"):
        Runner(named, stage.tasks, trigger="manual").run(stage.task("buy"), force=True)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome(refused=1), 11), (Outcome(unknown=1), 7), (Outcome(refused=2, unknown=1), 7)],
)
def test_refused_and_unknown_orders_show_in_the_exit_code(at: At, outcome: Outcome, code: int) -> None:
    stage = at(ist(9, 5))
    stage.calls.script["adjust"] = lambda context: outcome
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code) == ("completed", code)


def test_an_error_fails_with_its_own_code_and_may_be_run_again(at: At) -> None:
    stage = at(ist(9, 5))
    stage.calls.script["adjust"] = lambda context: (_ for _ in ()).throw(BrokerUnavailable("the network is down"))
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code, report.error) == ("failed", 6, "the network is down")
    row = stage.row("adjust")
    assert row is not None
    assert (row.status, row.error) == ("failed", "the network is down")
    assert stage.notifier.sent == ["2 missed", "adjust failed"]
    del stage.calls.script["adjust"]
    assert at(ist(9, 6)).run("adjust").outcome == "completed"


def test_a_bug_is_1_with_its_traceback_in_the_log_only(at: At) -> None:
    stage = at(ist(9, 5))
    stage.calls.script["adjust"] = lambda context: Outcome({"x": 1 // 0})
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code, report.error) == (
        "failed",
        1,
        "ZeroDivisionError: integer division or modulo by zero",
    )
    (line,) = stage.ledger.logs.list(task="adjust")
    assert "Traceback" in line.message


def test_a_task_may_say_blocked_itself(at: At) -> None:
    stage = at(ist(9, 5))
    stage.calls.script["adjust"] = lambda context: Outcome(blocked="trading is halted")
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code, report.error) == ("blocked", 9, "trading is halted")
    stage.calls.script["adjust"] = lambda context: (_ for _ in ()).throw(Blocked("trading is halted"))
    assert at(ist(9, 6)).run("adjust").outcome == "blocked"
    del stage.calls.script["adjust"]
    assert at(ist(9, 7)).run("adjust").outcome == "completed"


def test_a_task_that_lost_its_row_writes_nothing_more(at: At) -> None:
    stage = at(ist(9, 5))

    def lose(context: Context) -> Outcome:
        executions, later = stage.ledger.executions, context.world.clock.machine_now() + timedelta(minutes=1)
        with stage.ledger.database.write() as connection:
            connection.exec_driver_sql("UPDATE task_executions SET owner = 'elsewhere:0:1:1'")
        executions.claim("adjust", DAY, "", owner="other:0:1:1", trigger="cron", machine_now=later, now=later)
        return Outcome()

    stage.calls.script["adjust"] = lose
    report = stage.run("adjust")
    assert (report.outcome, report.exit_code) == ("blocked", 9)
    row = stage.row("adjust")
    assert row is not None
    assert (row.status, row.owner, row.attempt) == ("running", "other:0:1:1", 2)


# -- options -------------------------------------------------------------------------------------------------------------


def test_force_runs_again_and_outside_the_window(at: At) -> None:
    at(ist(9, 5)).run("adjust")
    stage = at(ist(12))
    assert stage.run("adjust", force=True).outcome == "completed"
    row = stage.row("adjust")
    assert row is not None
    assert (row.attempt, row.forced, stage.calls.times("adjust")) == (2, 1, ["09:05:00", "12:00:00"])


def test_force_does_not_open_a_holiday(at: At) -> None:
    assert at(ist(9, 5, day=HOLIDAY)).run("adjust", force=True).outcome == "not_a_session"


def test_a_dry_run_writes_nothing(at: At) -> None:
    stage = at(ist(9, 5))
    seen: list[Context] = []
    stage.calls.script["adjust"] = lambda context: (seen.append(context), Outcome({"would": 1}))[1]
    before = dump(stage)
    report = stage.run("adjust", dry_run=True)
    assert (report.outcome, report.exit_code) == ("completed", 0)
    assert report.result == {"would": 1, "dry_run": True, "would_send": []}
    assert seen[0].dry_run
    assert not stage.ledger.executions.holds(seen[0].claim)
    assert at(ist(12)).run("adjust", dry_run=True).outcome == "missed"
    assert at(ist(16, 5)).run("buy", dry_run=True).outcome == "blocked"
    assert at(ist(10)).run("watch", dry_run=True).outcome == "completed"
    assert dump(stage) == before


def test_an_unknown_slot_is_a_usage_error(at: At) -> None:
    with pytest.raises(UsageError, match=r"no slot '10:00'.*09:30, 10:30, 11:30"):
        at(ist(9, 30)).run("hourly", slot="10:00")


@pytest.mark.parametrize("asked", [{"until": ist(10)}, {"every": 5}])
def test_monitor_options_are_for_monitors(at: At, asked: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="for monitors"):
        at(ist(9, 5)).run("adjust", **asked)


def test_an_end_that_has_passed_is_a_usage_error(at: At) -> None:
    with pytest.raises(UsageError, match="has passed"):
        at(ist(12)).run("watch", until=ist(11))


def test_an_edited_schedule_moves_the_window(at: At) -> None:
    stage = at(ist(9, 20))
    stage.runner.rows()
    stage.ledger.schedules.set("adjust", until="09:30")
    assert stage.run("adjust").outcome == "completed"


# -- repeating -----------------------------------------------------------------------------------------------------------


def test_a_task_is_called_again_after_as_long_as_it_asks(at: At) -> None:
    stage = at(ist(16))
    waits = iter([5.0, 15.0, 30.0, None])
    stage.calls.script["analyze"] = lambda context: Outcome({"sent": 1}, again_after=next(waits))
    report = stage.run("analyze")
    assert stage.calls.times("analyze") == ["16:00:00", "16:00:05", "16:00:20", "16:00:50"]
    assert report.result == {"sent": 4}


def test_a_task_is_not_called_again_after_its_window(at: At) -> None:
    stage = at(ist(9, 7))
    stage.calls.script["adjust"] = lambda context: Outcome(again_after=20.0, unknown=1)
    report = stage.run("adjust")
    assert stage.calls.times("adjust") == ["09:07:00", "09:07:20"]
    assert (report.outcome, report.exit_code) == ("completed", 7)


def test_an_order_that_was_unknown_and_is_settled_is_not_7(at: At) -> None:
    stage = at(ist(16))
    answers = iter([Outcome(unknown=1, again_after=5.0), Outcome()])
    stage.calls.script["analyze"] = lambda context: next(answers)
    assert stage.run("analyze").exit_code == 0


# -- monitors ------------------------------------------------------------------------------------------------------------


def test_a_monitor_is_one_execution_for_its_whole_window(at: At) -> None:
    stage = at(ist(9, 15))
    report = stage.run("watch")
    times = stage.calls.times("watch")
    assert (report.outcome, report.result) == ("completed", {"done": 376})
    assert (len(times), times[0], times[1], times[-1]) == (376, "09:15:00", "09:16:00", "15:30:00")
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.steps, row.attempt) == ("completed", 376, 1)


def test_a_monitor_begun_at_noon_runs_one_step_and_not_165(at: At) -> None:
    stage = at(ist(12, 0, 30))
    stage.run("watch", until=ist(12, 2))
    assert stage.calls.times("watch") == ["12:00:30", "12:01:00", "12:02:00"]


def test_until_gives_the_claim_back_and_the_next_goes_on(at: At) -> None:
    stage = at(ist(9, 15))
    report = stage.run("watch", until=ist(9, 20))
    row = stage.row("watch")
    assert row is not None
    assert (report.outcome, row.status, row.owner, row.steps) == ("completed", "running", None, 6)
    later = at(ist(15, 28))
    assert later.run("watch").outcome == "completed"
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.steps, row.result, row.attempt) == ("completed", 9, {"done": 9}, 1)
    assert row.started_at == ist(9, 15)


def test_once_is_one_step(at: At) -> None:
    for minute in (20, 21, 22):
        at(ist(9, minute)).run("watch", once=True)
    stage = at(ist(9, 23))
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.owner, row.steps) == ("running", None, 3)
    assert stage.calls.times("watch") == ["09:20:00", "09:21:00", "09:22:00"]


def test_the_step_at_the_close_completes_the_monitor(at: At) -> None:
    at(ist(15, 29)).run("watch", once=True)
    stage = at(ist(15, 30, 2))
    stage.run("watch", once=True)
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.steps) == ("completed", 2)


def test_the_next_command_completes_a_released_monitor(at: At) -> None:
    at(ist(15, 20)).run("watch", once=True)
    stage = at(ist(16))
    assert stage.run("analyze").missed == ()
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.steps) == ("completed", 1)
    assert at(ist(16, 1)).run("watch").outcome == "already_completed"


def test_a_monitor_steps_at_the_given_interval(at: At) -> None:
    stage = at(ist(9, 15))
    stage.run("watch", every=20, until=ist(9, 16))
    assert stage.calls.times("watch") == ["09:15:00", "09:15:20", "09:15:40", "09:16:00"]


def test_a_step_that_takes_longer_skips_what_it_overran(at: At) -> None:
    stage = at(ist(9, 15))
    slow = iter([150.0, 0.0, 0.0])

    def step(context: Context) -> Outcome:
        context.world.clock.sleep(next(slow))
        return Outcome(changed=False)

    stage.calls.script["watch"] = step
    stage.run("watch", until=ist(9, 18))
    assert stage.calls.times("watch") == ["09:15:00", "09:17:30", "09:18:00"]


def test_a_late_hourly_monitor_runs_only_its_current_slot(at: At) -> None:
    stage = at(ist(11, 10))
    report = stage.run("hourly")
    assert (report.outcome, report.slot) == ("completed", "10:30")
    assert [slot for name, slot, _ in stage.calls.seen] == ["10:30"]
    assert "hourly 09:30 of 2026-01-07" in report.missed


def test_a_step_that_changes_nothing_writes_nothing(at_file: At) -> None:
    """Told by SQLite's change counter; PostgreSQL has none."""
    stage = at_file(ist(9, 15))
    tokens = []
    stage.calls.script["watch"] = lambda context: (tokens.append(stage.ledger.database.version_token()), Outcome(changed=False))[
        1
    ]
    stage.run("watch", until=ist(9, 40))
    assert len(tokens) == 26
    assert len(set(tokens)) == 1


def test_a_step_that_changed_something_is_in_the_row_at_once(at: At) -> None:
    stage = at(ist(9, 15))
    seen: list[tuple[int, object]] = []

    def step(context: Context) -> Outcome:
        row = stage.row("watch")
        assert row is not None
        seen.append((row.steps, row.result))
        return Outcome({"done": 1}, changed=len(seen) == 2)

    stage.calls.script["watch"] = step
    stage.run("watch", until=ist(9, 17))
    assert seen == [(0, {}), (0, {}), (2, {"done": 2})]


def test_a_monitor_that_fails_goes_on_with_its_counts(at: At) -> None:
    stage = at(ist(9, 15))
    answers = iter([Outcome({"done": 1}), Outcome({"done": 1}), ConfigurationError("another account"), Outcome({"done": 1})])

    def step(context: Context) -> Outcome:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    stage.calls.script["watch"] = step
    assert stage.run("watch", until=ist(9, 20)).exit_code == 4
    assert at(ist(9, 18)).run("watch", once=True).result == {"done": 3}
    row = stage.row("watch")
    assert row is not None
    assert (row.steps, row.attempt, row.error) == (3, 2, "")


def test_an_interrupted_monitor_gives_its_claim_back(at: At) -> None:
    stage = at(ist(9, 15))
    stage.calls.script["watch"] = lambda context: (
        (_ for _ in ()).throw(Interrupted(15)) if context.steps else Outcome({"done": 1})
    )
    report = stage.run("watch")
    assert (report.outcome, report.exit_code) == ("failed", 143)
    row = stage.row("watch")
    assert row is not None
    assert (row.status, row.owner, row.steps) == ("running", None, 1)


# -- what was missed -----------------------------------------------------------------------------------------------------


def test_every_command_records_and_names_what_was_missed(at: At) -> None:
    stage = at(ist(9, 10))
    report = stage.run("watch")
    assert report.outcome == "outside_window"
    assert report.missed == ("retry 08:00 of 2026-01-07", "retry 08:40 of 2026-01-07", "adjust of 2026-01-07")
    assert "adjust of 2026-01-07" in report.message
    assert [row.status for row in stage.ledger.executions.list()] == ["missed"] * 3
    assert at(ist(9, 11)).run("watch").missed == ()


def test_a_machine_that_was_off_for_days_finds_out(at: At) -> None:
    at(ist(9, 5)).run("adjust")
    report = at(ist(8, 0, day=date(2026, 1, 9))).run("retry")
    days = {name.split()[-1] for name in report.missed}
    assert days == {"2026-01-07", "2026-01-08"}
    assert "buy of 2026-01-07" in report.missed
    assert "adjust of 2026-01-07" not in report.missed
    assert "adjust of 2026-01-08" in report.missed


def test_holidays_and_disabled_tasks_are_not_missed(at: At) -> None:
    stage = at(ist(9, 5, day=date(2026, 1, 23)))
    stage.runner.rows()
    stage.ledger.schedules.disable("buy")
    stage.run("adjust")
    report = at(ist(8, day=date(2026, 1, 27))).run("retry")
    assert {name.split()[-1] for name in report.missed} == {"2026-01-23"}
    assert not any(name.startswith("buy") for name in report.missed)


def test_a_look_that_finds_nothing_missed_writes_nothing(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at(ist(9, 5)).run("adjust").missed
    later = at(ist(9, 10))
    monkeypatch.setattr(later.ledger.database, "write", None)
    monkeypatch.setattr(later.ledger.database, "note", None)
    assert later.runner.missed_slots.record(later.runner.rows()) == ()


def test_the_end_of_a_task_leaves_the_snapshot(at_file: At) -> None:
    stage = at_file(ist(8))
    assert stage.run("retry").outcome == "completed"  # the first run of a home also makes its schedule
    kept = stage.ledger.book.snapshot()
    stage.world.clock.move_to(ist(9, 5))  # type: ignore[attr-defined]
    assert stage.run("adjust").outcome == "completed"
    assert stage.ledger.book.snapshot() is kept


def test_the_steps_of_a_run_share_a_desk(at: At) -> None:
    opened = []
    stage = at(ist(9, 15))
    stage.calls.script["watch"] = lambda context: opened.append(context.trading()) or Outcome()  # type: ignore[func-returns-value]
    for minute in (20, 25):
        stage.run("watch", until=ist(9, minute))
        stage.world.clock.move_to(ist(9, minute, 30))  # type: ignore[attr-defined]
    assert len(opened) > 8
    assert len({id(trading_session) for trading_session in opened}) == 2


def test_windows_before_the_user_was_added_are_not_missed(at: At) -> None:
    stage = at(ist(12))
    stage.ledger.users.add("ravi", capital=1, created_at=ist(12))
    ravi = replace(stage.world, user="ravi", ledger=stage.ledger.for_user("ravi"))
    assert Runner(ravi, stage.tasks, trigger="manual").run(stage.task("analyze")).missed == ()


def test_an_abandoned_task_has_failed_after_its_window(at: At) -> None:
    stage = at(ist(9, 5))
    host, boot, _, _ = current_identity().rsplit(":", 3)
    now = stage.world.clock.machine_now()
    dead = f"{host}:{boot}:999999999:1"
    stage.ledger.executions.claim("adjust", DAY, "", owner=dead, trigger="cron", machine_now=now, now=ist(9, 5))
    later = at(ist(9, 10))
    later.run("watch")
    row = stage.row("adjust")
    assert row is not None
    assert (row.status, row.error) == ("failed", "its process ended without finishing")
    assert "adjust failed" in stage.notifier.sent


# -- around it -----------------------------------------------------------------------------------------------------------


def test_messages_wait_for_a_notifier_that_is_down(at: At) -> None:
    stage = at(ist(16, 5))
    stage.notifier.down = True
    stage.run("buy")
    assert stage.notifier.sent == []
    stage.notifier.down = False
    at(ist(16, 6)).run("analyze")
    assert "buy is blocked" in stage.notifier.sent
    assert stage.ledger.outbox.pending() == ()


def test_a_virtual_clock_leaves_the_time_of_its_last_event(at: At) -> None:
    stage = at(ist(9, 15))
    stage.run("watch", until=ist(9, 20))
    assert stage.ledger.info.get("last_event_at") == ist(9, 20).isoformat()


def test_progress_hears_of_every_step(at: At) -> None:
    stage = at(ist(9, 15))
    heard: list[datetime] = []
    runner = Runner(stage.world, stage.tasks, trigger="simulate", progress=lambda task, moment, outcome: heard.append(moment))
    runner.run(stage.task("watch"), until=ist(9, 17))
    assert heard == [ist(9, 15), ist(9, 16), ist(9, 17)]


def test_a_task_that_is_new_to_a_database_gets_its_schedule(at: At) -> None:
    stage = at(ist(9, 5))
    stage.run("adjust")
    new = stage.calls.task("new", Schedule((time(9),), time(10)))
    runner = Runner(stage.world, (*stage.tasks, new), trigger="manual")
    assert runner.run(new).outcome == "completed"
    assert stage.ledger.schedules.get("new").until == time(10)


def test_a_late_line_of_cron_does_not_report_a_missed_slot_again(at: At) -> None:
    """After a sleep cron starts lines late: `run-due` has mailed the slot, so the line prints nothing with `-q`."""
    stage = at(ist(9, 30))
    late = Runner(stage.world, stage.tasks, trigger="cron")
    report = late.run(stage.task("adjust"))
    assert (report.outcome, report.exit_code, report.error) == ("missed", 12, "")
    assert any("adjust" in line for line in report.missed)
    again = Runner(stage.world, stage.tasks, trigger="cron").run(stage.task("adjust"))
    assert (again.outcome, again.error, again.missed) == ("missed", "", ())
