"""The journal: every change of a watched row is an entry of the same transaction, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.integration.ledger.conftest import NOW, with_admin
from tradectl.actor import set_command
from tradectl.errors import DatabaseError
from tradectl.ledger.audit import entries, verify
from tradectl.ledger.engine import Database
from tradectl.ledger.executions import Claim
from tradectl.ledger.journal import OUTSIDE, Entry
from tradectl.ledger.journal_triggers import WATCHED, altered, install
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

MACHINE = datetime(2026, 1, 7, 4, 0, 5, tzinfo=UTC)


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    opened = open_database(address)
    assert opened.journal is not None
    opened.journal.now = lambda: NOW
    create_or_upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return with_admin(database)


def written(ledger: Ledger, record: str) -> list[Entry]:
    return [entry for entry in entries(ledger.database) if entry.record == record]


def test_a_change_is_an_entry_with_time_actor_and_row(ledger: Ledger) -> None:
    set_command("config set")
    ledger.settings.set("rsi_period", "10")
    ledger.settings.set("rsi_period", "12")
    ledger.settings.unset("rsi_period")
    found = written(ledger, "user_trading_config")
    assert [entry.change for entry in found] == ["insert", "update", "delete"]
    assert [json.loads(entry.content)["value"] for entry in found] == ["10", "12", "12"]
    assert {entry.row_key for entry in found} == {"asha rsi_period"}
    assert all(entry.actor.endswith(": config set") for entry in found)
    assert {entry.at for entry in found} == {"2026-01-07T04:00:00.000000+00:00"}


def test_equal_values_and_heartbeats_make_no_entry(ledger: Ledger) -> None:
    ledger.settings.set("rsi_period", "10")
    given = {"owner": "host:boot:1:2", "trigger": "manual", "machine_now": MACHINE, "now": NOW}
    claim = ledger.executions.claim("buy", date(2026, 1, 7), "", **given)
    assert isinstance(claim, Claim)
    count = len(list(entries(ledger.database)))
    ledger.settings.set("rsi_period", "10")
    ledger.executions.beat(claim, MACHINE)
    ledger.logs.append(NOW, "info", "note", "a log line is not journalled")
    assert len(list(entries(ledger.database))) == count


def test_a_rolled_back_change_leaves_no_entry(ledger: Ledger) -> None:
    count = len(list(entries(ledger.database)))

    def fails() -> None:
        with ledger.database.write():
            ledger.settings.set("rsi_period", "10")
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert len(list(entries(ledger.database))) == count
    assert verify(ledger.database).findings == ()


def test_a_secret_is_named_but_its_value_is_not_stored(ledger: Ledger, tmp_path: Path) -> None:
    ledger.settings.credentials(tmp_path / "secret.key").set("kite.token", "very-secret-token")
    ledger.settings.credentials(tmp_path / "secret.key").set("kite.token", "second-token")
    ledger.settings.credentials(tmp_path / "secret.key").set("broker", "kite", secret=False)
    found = [json.loads(entry.content) for entry in written(ledger, "user_settings")]
    assert [(row["key"], row["value"]) for row in found] == [("kite.token", None), ("kite.token", None), ("broker", "kite")]
    assert verify(ledger.database).findings == ()


def test_only_the_lasting_facts_of_the_database_count(ledger: Ledger) -> None:
    ledger.info.set("last_event_at", "2026-01-07")
    ledger.info.set("armed.asha", "kite 2026-01-07T09:00:00+05:30")
    assert [entry.row_key for entry in written(ledger, "database_info")] == ["armed.asha"]


@pytest.mark.parametrize("statement", ["UPDATE journal SET actor = 'x'", "DELETE FROM journal WHERE seq = 1"])
def test_the_database_rejects_a_change_of_the_journal(ledger: Ledger, statement: str) -> None:
    with pytest.raises(Exception, match="append-only"), ledger.database.write() as connection:
        connection.execute(text(statement))
    assert verify(ledger.database).findings == ()


def test_a_change_by_another_program_is_named_as_such(ledger: Ledger, address: str) -> None:
    other = open_database(address, journal=False)
    with other.write() as connection:
        connection.execute(text("UPDATE users SET trading_state = 'HALTED'"))
    other.close()
    ledger.settings.set("rsi_period", "10")
    last, ours = list(entries(ledger.database))[-2:]
    assert (last.record, last.actor, json.loads(last.content)["trading_state"]) == ("users", OUTSIDE, "HALTED")
    assert ours.record == "user_trading_config"
    assert ours.actor != OUTSIDE


def test_two_processes_append_to_one_chain(ledger: Ledger, address: str) -> None:
    other = Ledger(open_database(address), "asha")
    for number in range(5):
        ledger.settings.set("rsi_period", f"1{number}")
        other.settings.set("ema_fast", f"1{number}")
    other.database.close()
    checked = verify(ledger.database)
    assert checked.findings == ()
    assert checked.entries == len(list(entries(ledger.database)))
    assert ledger.journal_head() == checked.head


def test_a_database_that_need_not_last_has_no_journal(tmp_path: Path) -> None:
    database = open_database(tmp_path / "simulation.db", durable=False)
    create_or_upgrade(database)
    ledger = with_admin(database)
    assert (list(entries(database)), ledger.journal_head()) == ([], None)
    with database.read() as connection:
        assert len(altered(connection)) == 3 * len(WATCHED) + 3
    database.close()


def test_rows_from_before_the_journal_are_entered_as_found(address: str) -> None:
    before = open_database(address, journal=False)
    create_or_upgrade(before)
    with_admin(before)
    before.close()
    database = open_database(address)
    with database.write() as connection:
        install(connection)
        install(connection)
    assert [(entry.record, entry.change) for entry in entries(database)] == [("users", "found")]
    assert verify(database).findings == ()
    database.close()


def test_a_journal_that_cannot_be_written_stops_the_change(ledger: Ledger) -> None:
    def breaks() -> None:
        with ledger.database.write() as connection:
            ledger.settings.set("rsi_period", "10")
            connection.execute(text("DROP TABLE journal_head"))

    with pytest.raises(DatabaseError):
        breaks()
    assert ledger.settings.get("rsi_period") is None


def outside(ledger: Ledger, statement: str) -> None:
    """Run a statement as another program, on SQLite."""
    with closing(sqlite3.connect(ledger.database.engine.url.database or "")) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.fixture
def on_sqlite(ledger: Ledger) -> Ledger:
    if not ledger.database.sqlite:
        pytest.skip("PostgreSQL stores no text that is not UTF-8 and no row over another")
    return ledger


def test_bytes_that_are_no_text_stop_no_write(on_sqlite: Ledger) -> None:
    """Each write chains what another program changed before: an entry that it cannot read would stop every order."""
    on_sqlite.settings.set("rsi_period", "10")
    outside(on_sqlite, "UPDATE user_trading_config SET value = CAST(x'4A6F73E9' AS TEXT)")
    on_sqlite.settings.set("buy_score", "60")
    assert [json.loads(entry.content)["value"] for entry in written(on_sqlite, "user_trading_config")] == [
        "10",
        "Jos\ufffd",
        "60",
    ]


@pytest.mark.parametrize("content", ["no JSON", "[1, 2]"])
def test_a_report_that_is_no_object_stops_no_write(on_sqlite: Ledger, content: str) -> None:
    row = f"VALUES ('asha', 'orders', '1', 'insert', '{content}')"
    outside(on_sqlite, f'INSERT INTO journal_pending ("user", record, row_key, change, content) {row}')
    on_sqlite.settings.set("rsi_period", "10")
    (entry,) = written(on_sqlite, "orders")
    assert (entry.actor, json.loads(entry.content)) == (OUTSIDE, {"unreadable": content})


def test_a_removed_head_does_not_break_the_chain(ledger: Ledger) -> None:
    ledger.settings.set("rsi_period", "10")
    with ledger.database.write() as connection:
        connection.execute(text("DELETE FROM journal_head"))
    ledger.settings.set("rsi_period", "12")
    numbers = [entry.seq for entry in entries(ledger.database)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [item.text for item in verify(ledger.database).findings] == []


def test_no_entry_is_replaced(on_sqlite: Ledger) -> None:
    on_sqlite.settings.set("rsi_period", "10")
    copy = "SELECT seq, at, 'another', \"user\", record, row_key, change, content, hash FROM journal WHERE seq = 1"
    with pytest.raises(sqlite3.DatabaseError, match="the journal is append-only"):
        outside(on_sqlite, f"INSERT OR REPLACE INTO journal {copy}")
