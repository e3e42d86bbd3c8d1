"""Claims: which process may work on a slot, and how a process is fenced that lost its claim."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.ledger.conftest import NOW
from tradectl.ledger.executions import AlreadyDone, Claim, Executions, Fenced, Held, assert_holds
from tradectl.ledger.process_identity import current_identity, is_alive
from tradectl.ledger.store import Ledger

DAY = date(2026, 1, 7)
LATER = NOW + timedelta(minutes=1)
ELSEWHERE = "another-host:0000:1:1"


def claim(ledger: Ledger, owner: str = "", **changes: Any) -> Claim | Held | AlreadyDone:
    asked: dict[str, Any] = {"trigger": "manual", "machine_now": NOW, "now": NOW} | changes
    return ledger.executions.claim("buy", DAY, "", owner=owner or current_identity(), **asked)


def claimed(ledger: Ledger, owner: str = "", **changes: Any) -> Claim:
    got = claim(ledger, owner, **changes)
    assert isinstance(got, Claim)
    return got


def dead_owner() -> str:
    host, boot, _, _ = current_identity().rsplit(":", 3)
    return f"{host}:{boot}:999999999:1"


def test_the_row_is_there_before_the_work(ledger: Ledger) -> None:
    claimed(ledger, trigger="cron")
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert (row.status, row.attempt, row.owner, row.trigger) == ("running", 1, current_identity(), "cron")
    assert (row.started_at, row.beat_at, row.finished_at) == (NOW, NOW, None)


def test_a_finished_row_tells_what_was_done(ledger: Ledger) -> None:
    ledger.executions.finish(claimed(ledger), "completed", {"placed": 2}, now=LATER, steps=3)
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert (row.status, row.result, row.steps, row.duration, row.owner) == ("completed", {"placed": 2}, 3, 60.0, None)
    assert claim(ledger) == AlreadyDone("completed", LATER)


def test_a_living_owner_keeps_its_slot(ledger: Ledger) -> None:
    claimed(ledger)
    assert claim(ledger, ELSEWHERE, force=True) == Held(current_identity(), NOW)


def test_a_failed_slot_may_be_claimed_again(ledger: Ledger) -> None:
    ledger.executions.finish(claimed(ledger), "failed", {}, error="no data", now=NOW, steps=1)
    again = claimed(ledger, now=LATER)
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert (again.attempt, row.error, row.started_at, row.forced) == (2, "", LATER, 0)


def test_force_runs_a_completed_slot_again_and_is_recorded(ledger: Ledger) -> None:
    ledger.executions.finish(claimed(ledger), "completed", {}, now=NOW, steps=1)
    assert claimed(ledger, force=True).attempt == 2
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert (row.forced, row.status, row.finished_at) == (1, "running", None)


def test_a_missed_slot_needs_force(ledger: Ledger) -> None:
    assert ledger.executions.record_missed("buy", DAY, "", NOW)
    assert not ledger.executions.record_missed("buy", DAY, "", NOW)
    assert claim(ledger) == AlreadyDone("missed", NOW)
    assert claimed(ledger, force=True).attempt == 1


def test_what_ran_is_not_missed(ledger: Ledger) -> None:
    ledger.executions.finish(claimed(ledger), "failed", {}, error="no data", now=NOW, steps=1)
    assert not ledger.executions.record_missed("buy", DAY, "", NOW)


def test_a_released_monitor_goes_on_where_it_was(ledger: Ledger) -> None:
    first = claimed(ledger)
    ledger.executions.release(first, 5, {"lowered": 2})
    second = claimed(ledger, ELSEWHERE, now=LATER)
    assert (second.attempt, second.steps, second.result, second.started_at) == (1, 5, {"lowered": 2}, NOW)
    assert not ledger.executions.holds(first)


def test_a_dead_owner_on_this_host_is_taken_over_at_once(ledger: Ledger) -> None:
    old = claimed(ledger, dead_owner())
    new = claimed(ledger)
    assert new.attempt == old.attempt + 1
    assert not ledger.executions.holds(old)


def test_an_owner_elsewhere_keeps_its_slot_for_one_lease(ledger: Ledger) -> None:
    claimed(ledger, ELSEWHERE)
    assert isinstance(claim(ledger, machine_now=NOW + timedelta(seconds=29)), Held)
    assert claimed(ledger, machine_now=NOW + timedelta(seconds=30)).attempt == 2


def test_the_lease_is_machine_time_whatever_the_day_is(ledger: Ledger) -> None:
    claimed(ledger, ELSEWHERE)
    assert isinstance(claim(ledger, now=NOW + timedelta(days=900)), Held)


def test_a_beat_renews_the_lease_and_says_how_far_the_work_is(ledger: Ledger) -> None:
    mine = claimed(ledger, ELSEWHERE)
    ledger.executions.beat(mine, NOW + timedelta(seconds=20), steps=4, result={"lowered": 1})
    assert isinstance(claim(ledger, machine_now=NOW + timedelta(seconds=45)), Held)
    taken = claimed(ledger, machine_now=NOW + timedelta(seconds=50))
    assert (taken.steps, taken.result) == (4, {"lowered": 1})


def test_a_fenced_owner_can_neither_beat_finish_nor_release(ledger: Ledger) -> None:
    old = claimed(ledger, dead_owner())
    claimed(ledger)
    with pytest.raises(Fenced):
        ledger.executions.beat(old, NOW)
    with pytest.raises(Fenced):
        ledger.executions.finish(old, "completed", {}, now=NOW, steps=1)
    with pytest.raises(Fenced):
        ledger.executions.release(old, 1, {})
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert (row.status, row.owner) == ("running", current_identity())


def test_a_fenced_owner_cannot_commit_an_order(ledger: Ledger) -> None:
    old = claimed(ledger, dead_owner())
    claimed(ledger)

    def order() -> None:
        with ledger.database.write() as connection:
            connection.execute(text("UPDATE users SET capital = 1"))
            assert_holds(connection, old)

    with pytest.raises(Fenced):
        order()
    assert ledger.users.get("asha").capital == 500_000_00


def test_asking_for_the_claim_can_renew_its_lease(ledger: Ledger) -> None:
    mine = claimed(ledger, ELSEWHERE)
    with ledger.database.write() as connection:
        assert_holds(connection, mine, NOW + timedelta(seconds=29))
    assert isinstance(claim(ledger, machine_now=NOW + timedelta(seconds=50)), Held)


def test_a_dry_run_holds_nothing(ledger: Ledger) -> None:
    assert not ledger.executions.holds(Claim.none("asha", "buy", DAY, ""))


def test_an_abandoned_row_is_closed_but_a_living_one_is_not(ledger: Ledger) -> None:
    claimed(ledger)
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert not ledger.executions.close_abandoned(row, "failed", "gone", LATER, NOW)
    ledger.executions.release(claimed(ledger, machine_now=NOW + timedelta(hours=1)), 7, {"lowered": 1})
    row = ledger.executions.get("buy", DAY, "")
    assert row is not None
    assert ledger.executions.close_abandoned(row, "completed", "", LATER, NOW)
    closed = ledger.executions.get("buy", DAY, "")
    assert closed is not None
    assert (closed.status, closed.steps, closed.result) == ("completed", 7, {"lowered": 1})


def test_users_have_slots_of_their_own(ledger: Ledger) -> None:
    ledger.users.add("ravi", capital=1, created_at=NOW)
    ledger.executions.finish(claimed(ledger), "completed", {}, now=NOW, steps=1)
    assert ledger.executions.completed("buy", DAY)
    assert not ledger.for_user("ravi").executions.completed("buy", DAY)
    assert ledger.for_user("ravi").executions.completed("buy", DAY, user="asha")
    assert isinstance(claim(ledger.for_user("ravi")), Claim)


def test_executions_are_listed_newest_first(ledger: Ledger) -> None:
    executions: Executions = ledger.executions
    executions.record_missed("analyze", date(2026, 1, 6), "", NOW)
    executions.record_missed("eod", date(2026, 1, 6), "", NOW)
    claimed(ledger)
    assert [row.task for row in executions.list()] == ["buy", "eod", "analyze"]
    assert [row.task for row in executions.list(status="missed", limit=1)] == ["eod"]
    assert [row.task for row in executions.list(session=DAY)] == ["buy"]
    assert executions.last_session() == DAY
    assert executions.last_session(through=date(2026, 1, 6)) == date(2026, 1, 6)
    assert set(executions.on(date(2026, 1, 6))) == {("analyze", ""), ("eod", "")}


def test_this_process_is_alive_and_a_reused_process_id_is_not() -> None:
    host, boot, pid, start = current_identity().rsplit(":", 3)
    assert is_alive(current_identity())
    assert not is_alive(f"{host}:{boot}:{pid}:{int(start) - 1}")
    assert is_alive(f"another:{boot}:{pid}:{int(start) - 1}")
    assert is_alive(f"{host}:another-boot:{pid}:{int(start) - 1}")
    assert is_alive("who knows")
