"""The same promises on PostgreSQL, where two machines may share one ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import exc, text

from tests.integration.ledger.conftest import NOW
from tests.integration.ledger.test_races import DAY
from tests.support.addresses import emptied
from tradectl.errors import DatabaseError
from tradectl.ledger.engine import BUSY_SECONDS
from tradectl.ledger.executions import AlreadyDone, Claim, Fenced, Held, assert_holds
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import IDLE_SECONDS, open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.store import Ledger


@pytest.fixture
def remote(server: str) -> Iterator[Ledger]:
    """A fresh ledger on a real server."""
    emptied(server)
    database = open_database(server)
    create_or_upgrade(database)
    ledger = Ledger(database, "asha")
    ledger.users.add("asha", capital=500_000_00, created_at=NOW, role="admin")
    yield ledger
    database.close()


def claim(ledger: Ledger, owner: str = "machine-a:1:1:1", **changes: Any) -> Any:
    asked: dict[str, Any] = {"trigger": "cron", "machine_now": NOW, "now": NOW} | changes
    return ledger.executions.claim("buy", DAY, "", owner=owner, **asked)


def test_a_slot_runs_once_between_two_machines(remote: Ledger) -> None:
    first = claim(remote)
    assert claim(remote, "machine-b:1:1:1") == Held("machine-a:1:1:1", NOW)
    taken = claim(remote, "machine-b:1:1:1", machine_now=NOW + timedelta(seconds=30))
    assert isinstance(taken, Claim)
    assert taken.attempt == 2
    with pytest.raises(Fenced), remote.database.write() as connection:
        assert_holds(connection, first)
    remote.executions.finish(taken, "completed", {"placed": 1}, now=NOW, steps=1)
    assert claim(remote) == AlreadyDone("completed", NOW)


def test_writers_go_one_after_the_other(remote: Ledger, server: str) -> None:
    """As on SQLite, whatever rows they want: two tasks that fold the same trade must not both find it new."""
    other = open_database(server, busy_seconds=0.05)
    with remote.database.write(), pytest.raises(DatabaseError, match="is locked by another process"), other.write():
        pass
    with other.write():
        pass
    other.close()


def test_an_idle_writer_is_ended_before_others_give_up(remote: Ledger) -> None:
    """A machine that went to sleep in the middle of a write must not stop another one; what it wrote is not kept."""
    with remote.database.read() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == f"{IDLE_SECONDS:g}s"
    assert IDLE_SECONDS < BUSY_SECONDS

    def stand_still() -> None:
        with remote.database.write() as connection:
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 50"))
            connection.execute(text("UPDATE users SET capital = 1"))
            time.sleep(0.3)
            connection.execute(text("UPDATE users SET capital = 2"))

    with pytest.raises(DatabaseError) as raised:
        stand_still()
    assert "\n" not in str(raised.value)
    assert remote.users.get("asha").capital == 500_000_00


def test_every_table_of_ours_speaks_postgresql(remote: Ledger) -> None:
    remote.logs.append(NOW, "info", "test", "a line")
    remote.settings.set("max_positions", "4")
    remote.settings.set("max_positions", "5")
    remote.service.beat("daemon", current_identity(), NOW)
    remote.service.beat("daemon", current_identity(), NOW)
    remote.info.set("mode", "paper")
    assert remote.outbox.add(NOW, "one", "", "1")
    assert not remote.outbox.add(NOW, "one", "", "1")
    assert remote.logs.list()[0].at == NOW
    assert remote.settings.list() == {"max_positions": "5"}
    assert remote.service.list()[0].beat_at == NOW
    assert remote.info.all() == {"mode": "paper"}
    assert len(remote.outbox.pending()) == 1
    assert remote.outbox.repeats("1") == (1, NOW)
    assert remote.outbox.repeats("2") == (0, None)


def test_writes_join_and_fail_together(remote: Ledger) -> None:
    def half() -> None:
        with remote.database.write():
            remote.info.set("mode", "paper")
            remote.users.get("nobody")

    with pytest.raises(Exception, match="no user"):
        half()
    assert remote.info.get("mode") is None


def test_errors_are_one_line(remote: Ledger, server: str) -> None:
    reader = Ledger(open_database(server, read_only=True), "asha")
    assert reader.users.get("asha").role == "admin"
    with pytest.raises(DatabaseError, match="reading only"):
        reader.info.set("mode", "paper")
    reader.database.close()
    with pytest.raises(exc.IntegrityError), remote.database.write() as connection:
        connection.execute(text("UPDATE users SET role = 'king'"))
    with remote.database.write() as connection:
        connection.execute(text("DROP TABLE outbox"))
    with pytest.raises(DatabaseError, match="has no tradectl tables"):
        remote.outbox.pending()


def test_nothing_is_taken_from_a_cache(remote: Ledger) -> None:
    assert remote.database.version_token() != remote.database.version_token()
