"""The windows of a session, and the steps in them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime, time

import pytest
from msgspec.structs import replace

from tests.integration.runtime.stage import DAY, Calls, ist, tasks_of_a_day
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.schedules import ScheduleRow, declared
from tradectl.model.moment import to_ist
from tradectl.runtime.agenda import Window, current, due, marks, missed, next_mark, task_windows, windows
from tradectl.runtime.registry import task_named
from tradectl.task import Task

TASKS = {task.name: task for task in tasks_of_a_day(Calls())}
ROWS = {name: declared("asha", task) for name, task in TASKS.items()}


def of(name: str, sessions: SessionTable, day: date = DAY) -> list[tuple[str, str, str]]:
    session = sessions.session(day)
    assert session is not None
    return [
        (window.slot, f"{to_ist(window.opens):%H:%M:%S}", f"{to_ist(window.closes):%H:%M:%S}")
        for window in task_windows(TASKS[name], ROWS[name], session)
    ]


def the_day(sessions: SessionTable, rows: dict[str, ScheduleRow] = ROWS, day: date = DAY) -> tuple[Window, ...]:
    session = sessions.session(day)
    assert session is not None
    return windows(TASKS.values(), rows, session)


def test_slots_are_named_by_their_time_where_there_are_several(sessions: SessionTable) -> None:
    assert of("adjust", sessions) == [("", "09:05:00", "09:07:30")]
    assert of("retry", sessions) == [("08:00", "08:00:00", "08:55:00"), ("08:40", "08:40:00", "08:55:00")]


def test_an_hourly_slot_lasts_until_the_next_one(sessions: SessionTable) -> None:
    assert of("hourly", sessions) == [
        ("09:30", "09:30:00", "10:30:00"),
        ("10:30", "10:30:00", "11:30:00"),
        ("11:30", "11:30:00", "12:00:00"),
    ]


def test_a_monitor_follows_the_sessions_last_fill(sessions: SessionTable) -> None:
    session = sessions.session(DAY)
    assert session is not None
    assert task_windows(TASKS["watch"], ROWS["watch"], session)[0].closes == session.last_fill_at()
    assert of("watch", sessions) == [("", "09:15:00", "15:30:00")]


def test_the_monitor_runs_to_the_last_fill_of_its_date(sessions: SessionTable) -> None:
    ends = {"2026-07-31": "15:30:00", "2026-08-03": "15:36:00", "2026-12-04": "15:36:00", "2026-12-07": "15:46:00"}
    for day, end in ends.items():
        assert of("watch", sessions, date.fromisoformat(day)) == [("", "09:15:00", end)]


def test_disabled_tasks_are_not_on_the_agenda(sessions: SessionTable) -> None:
    off = ROWS | {"watch": ScheduleRow("asha", "watch", (time(9, 15),), None, 60, False)}
    assert "watch" in {window.task for window in the_day(sessions)}
    assert "watch" not in {window.task for window in the_day(sessions, off)}


def test_the_agenda_is_ordered_by_opening(sessions: SessionTable) -> None:
    opens = [window.opens for window in the_day(sessions)]
    assert opens == sorted(opens)
    assert len(opens) == 9


def test_a_window_is_open_from_its_start_to_its_end(sessions: SessionTable) -> None:
    def names(moment: datetime) -> set[str]:
        return {window.name for window in due(the_day(sessions), moment)}

    assert names(ist(7, 59, 59)) == set()
    assert names(ist(8)) == {"retry 08:00"}
    assert names(ist(8, 40)) == {"retry 08:00", "retry 08:40"}
    assert names(ist(8, 55)) == set()
    assert names(ist(9, 7, 29)) == {"adjust"}
    assert names(ist(10, 30)) == {"watch", "hourly 10:30"}
    assert names(ist(22, 45)) == {"buy"}


def test_the_last_step_of_a_monitor_stays_good_for_one_step(sessions: SessionTable) -> None:
    (watch,) = (window for window in the_day(sessions) if window.task == "watch")
    assert watch.is_open(ist(15, 30, 59))
    assert not watch.is_open(ist(15, 31))


def test_what_is_over_without_an_execution_is_missed(sessions: SessionTable) -> None:
    found = missed(the_day(sessions), ist(10, 30), [("retry", "08:00")])
    assert [window.name for window in found] == ["retry 08:40", "adjust", "hourly 09:30"]


def test_a_command_without_a_slot_means_the_last_that_opened(sessions: SessionTable) -> None:
    hourly = [window for window in the_day(sessions) if window.task == "hourly"]
    chosen = [current(hourly, moment) for moment in (ist(8), ist(9, 30), ist(11, 29), ist(18))]
    assert [window.slot for window in chosen if window] == ["09:30", "09:30", "10:30", "11:30"]
    assert current([], ist(8)) is None


def test_a_monitor_steps_on_each_minute_the_closing_one_included(sessions: SessionTable) -> None:
    (watch,) = (window for window in the_day(sessions) if window.task == "watch")
    steps = marks(watch)
    assert (len(steps), steps[0], steps[1], steps[-1]) == (376, ist(9, 15), ist(9, 16), ist(15, 30))


def test_steps_that_do_not_fit_evenly_end_at_the_close() -> None:
    uneven = Window("watch", "", ist(9, 15), ist(9, 20), 120)
    assert marks(uneven) == (ist(9, 15), ist(9, 17), ist(9, 19), ist(9, 20))
    assert next_mark(uneven, ist(9, 16, 30)) == ist(9, 17)
    assert next_mark(uneven, ist(9)) == ist(9, 15)
    assert next_mark(uneven, ist(9, 20)) is None


def test_a_window_that_closes_before_it_opens_does_not_exist(sessions: SessionTable) -> None:
    session = sessions.session(DAY)
    assert session is not None
    late: Task = TASKS["watch"]
    assert task_windows(late, ScheduleRow("asha", "watch", (time(15, 45),), None, 60, True), session) == ()


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_machines_zone_changes_no_window(zone: str, sessions: SessionTable) -> None:
    code = "from tests.integration.runtime.test_agenda import *; from tradectl.exchange.sessions import SessionTable as T;"
    code += "print([(w.name, w.opens.isoformat(), w.closes.isoformat()) for w in the_day(T.load())])"
    elsewhere = {**os.environ, "TZ": zone}
    done = subprocess.run([sys.executable, "-c", code], env=elsewhere, capture_output=True, text=True, check=True)
    expected = [(window.name, window.opens.isoformat(), window.closes.isoformat()) for window in the_day(sessions)]
    assert done.stdout.strip() == str(expected)


def test_the_first_of_several_slots_may_close_earlier(sessions: SessionTable) -> None:
    session = sessions.session(DAY)
    assert session is not None
    task = task_named("prices")

    def hours(*times: time) -> list[tuple[str, str, str]]:
        row = replace(declared("asha", task), times=times)
        found = task_windows(task, row, session)
        return [(item.slot, f"{to_ist(item.opens):%H:%M}", f"{to_ist(item.closes):%H:%M}") for item in found]

    evening = ("19:00", "19:00", "23:30")
    assert hours(time(7, 30), time(19)) == [("07:30", "07:30", "08:00"), evening]
    assert hours(time(19)) == [("", "19:00", "23:30")]
    assert hours(time(12), time(19)) == [("12:00", "12:00", "19:00"), evening]  # a person moved it past its declared end
