"""Schedule rows begin as declared, and only valid edits are stored."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import time

import pytest

from tests.integration.ledger.conftest import NOW
from tradectl.errors import UsageError
from tradectl.ledger.opening import open_database
from tradectl.ledger.schedules import parse_time
from tradectl.ledger.store import Ledger
from tradectl.task import Schedule


@dataclass(frozen=True)
class Declared:
    name: str
    schedule: Schedule


DECLARED = (
    Declared("monitor", Schedule((time(9, 15),), None, every=60)),
    Declared("retry", Schedule((time(8), time(8, 40)), time(8, 55))),
    Declared("adjust", Schedule((time(9, 5),), time(9, 7, 30))),
)


@pytest.fixture
def seeded(ledger: Ledger) -> Ledger:
    assert ledger.schedules.seed(DECLARED) == 3
    return ledger


def test_rows_begin_as_the_tasks_declare(seeded: Ledger) -> None:
    shown = [(row.task, row.times, row.until, row.every, row.enabled) for row in seeded.schedules.list()]
    assert shown == [
        ("retry", (time(8), time(8, 40)), time(8, 55), None, True),
        ("adjust", (time(9, 5),), time(9, 7, 30), None, True),
        ("monitor", (time(9, 15),), None, 60, True),
    ]


def test_seeding_again_keeps_what_was_edited(seeded: Ledger) -> None:
    seeded.schedules.set("adjust", times=["9:04"], until="09:08")
    seeded.schedules.disable("retry")
    assert seeded.schedules.seed(DECLARED) == 0
    assert seeded.schedules.get("adjust").times == (time(9, 4),)
    assert not seeded.schedules.get("retry").enabled
    assert seeded.schedules.enable("retry").enabled


def test_each_user_has_rows_of_his_own(seeded: Ledger) -> None:
    seeded.users.add("ravi", capital=1, created_at=NOW)
    other = seeded.for_user("ravi")
    other.schedules.seed(DECLARED)
    other.schedules.disable("monitor")
    assert seeded.schedules.get("monitor").enabled


def test_rows_are_cached_until_a_write(seeded: Ledger, address: str) -> None:
    kept = seeded.schedules.list()
    assert (seeded.schedules.list() is kept) == seeded.database.sqlite  # PostgreSQL is asked each time
    with closing(open_database(address, durable=False)) as elsewhere:
        Ledger(elsewhere, "asha").schedules.disable("retry")
    assert [row.task for row in seeded.schedules.list() if not row.enabled] == ["retry"]
    seeded.schedules.enable("retry")
    assert seeded.schedules.list() == kept


def test_an_end_may_follow_the_session_table(seeded: Ledger) -> None:
    assert seeded.schedules.set("monitor", until="15:20").until == time(15, 20)
    assert seeded.schedules.set("monitor", until="last-fill", every=30).until is None
    assert seeded.schedules.get("monitor").every == 30


@pytest.mark.parametrize("text", ["", "8", "24:00", "08:60", "08:00:60", "8.30", "08:00 IST", "-1:00"])
def test_a_bad_time_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text)


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("nothing", {"until": "10:00"}),
        ("adjust", {"times": []}),
        ("adjust", {"times": ["09:10"]}),
        ("adjust", {"until": "09:05"}),
        ("retry", {"times": ["08:40", "08:00"]}),
        ("retry", {"times": ["08:00", "08:00"]}),
        ("retry", {"times": ["08:00", "08:00:30"]}),
        ("retry", {"every": 60}),
        ("monitor", {"every": 0}),
    ],
)
def test_an_unsound_schedule_is_refused(seeded: Ledger, task: str, change: dict[str, object]) -> None:
    before = seeded.schedules.list()
    with pytest.raises(UsageError):
        seeded.schedules.set(task, **change)  # type: ignore[arg-type]
    assert seeded.schedules.list() == before


def test_an_unknown_task_cannot_be_switched(seeded: Ledger) -> None:
    with pytest.raises(UsageError, match="no task is called"):
        seeded.schedules.disable("nothing")
