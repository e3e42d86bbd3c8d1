"""The way to the database: what a write promises, what a snapshot sees, and the one line behind every failure."""

from __future__ import annotations

import os
import sqlite3
import threading
import timeit
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from tradectl.errors import ConfigurationError, DatabaseError
from tradectl.ledger.engine import Database, driver, insert_new, open_database
from tradectl.ledger.schema import database_info
from tradectl.ledger.store import Info, Ledger

COUNT = text("SELECT count(*) FROM database_info")


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(COUNT).scalar_one())


def other(path: Path) -> Database:
    return open_database(path, durable=False, busy_seconds=0.05)


def test_an_exception_rolls_a_write_back(database: Database) -> None:
    def half() -> None:
        with database.write():
            Info(database).set("mode", "paper")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert count(database) == 0


def test_a_write_inside_a_write_commits_with_it(database: Database, path: Path) -> None:
    with database.write():
        Info(database).set("mode", "paper")
        assert Info(database).get("mode") == "paper"
        assert count(other(path)) == 0
    assert count(other(path)) == 1


def test_a_failed_part_takes_the_whole_write_with_it(database: Database) -> None:
    def whole() -> None:
        with database.write():
            Info(database).set("mode", "paper")
            with pytest.raises(KeyError), database.write():
                raise KeyError

    with pytest.raises(RuntimeError, match="none of it was kept"):
        whole()
    assert count(database) == 0


def test_a_write_cannot_begin_inside_a_read(database: Database) -> None:
    with database.read(), pytest.raises(RuntimeError, match="inside a read"), database.write():
        pass


def test_a_read_is_one_snapshot(database: Database, path: Path) -> None:
    with database.read() as connection:
        assert connection.execute(COUNT).scalar_one() == 0
        Info(other(path)).set("mode", "paper")
        assert connection.execute(COUNT).scalar_one() == 0
    assert count(database) == 1


def test_threads_have_connections_of_their_own(database: Database) -> None:
    seen = []

    def look() -> None:
        seen.append(count(database))
        database.leave_thread()

    with database.write():
        Info(database).set("mode", "paper")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [0]


def test_the_token_changes_with_every_write_and_only_then(database: Database, path: Path) -> None:
    first = database.version_token()
    count(database)
    assert database.version_token() == first
    Info(other(path)).set("mode", "paper")
    second = database.version_token()
    assert second != first
    Info(database).set("clock", "system")
    third = database.version_token()
    assert third != second
    assert database.version_token() == third
    database.close()
    assert database.version_token() != third


def test_nothing_is_cached_inside_a_write(database: Database) -> None:
    with database.write():
        assert database.version_token() != database.version_token()


def test_a_taken_key_is_told_and_not_raised(database: Database) -> None:
    with database.write() as connection:
        assert insert_new(connection, database_info, {"key": "mode", "value": "paper"})
        assert not insert_new(connection, database_info, {"key": "mode", "value": "live"})
    assert Info(database).get("mode") == "paper"


def test_a_broken_constraint_stays_what_it_is(ledger: Ledger) -> None:
    with pytest.raises(exc.IntegrityError), ledger.database.write() as connection:
        connection.execute(text("UPDATE users SET role = 'king'"))


def test_the_pragmas_are_set(database: Database, path: Path) -> None:
    def pragma(of: Database, name: str) -> object:
        with of.read() as connection:
            return connection.execute(text(f"PRAGMA {name}")).scalar()

    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "foreign_keys") == 1
    assert pragma(database, "synchronous") == 0
    assert pragma(open_database(path), "synchronous") == 2
    assert pragma(open_database(path), "busy_timeout") == 30_000


def test_locked_too_long_is_one_line(database: Database, path: Path) -> None:
    with database.write(), pytest.raises(DatabaseError, match=r"ledger\.db is locked by another process"), other(path).write():
        pass


def test_a_reader_does_not_wait_for_a_writer(database: Database, path: Path) -> None:
    with database.write():
        assert count(other(path)) == 0


def test_a_file_of_something_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("shopping list " * 100)
    with pytest.raises(DatabaseError, match="is not a database") as raised:
        count(open_database(tmp_path / "notes.db"))
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 10


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot be opened"):
        count(open_database(tmp_path / "nowhere" / "ledger.db"))


def test_reading_only_writes_nothing(database: Database, path: Path) -> None:
    reader = open_database(path, read_only=True)
    assert count(reader) == 0
    with pytest.raises(DatabaseError, match="open for reading only"), reader.write():
        pass


def test_reading_only_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        count(open_database(tmp_path / "none.db", read_only=True))
    assert not (tmp_path / "none.db").exists()


def test_a_read_only_file_is_one_line(tmp_path: Path) -> None:
    """By SQLite's own switch, since root may write any file."""
    path = tmp_path / "ro.db"
    sqlite3.connect(path).executescript("CREATE TABLE t (a)")
    database = open_database(path)
    driver(database.connection(database.desk())).execute("PRAGMA query_only = ON")
    with pytest.raises(DatabaseError, match="is read-only"), database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_full_disk_is_one_line(database: Database) -> None:
    """A page limit is answered by SQLite with the same code as a full disk."""
    driver(database.connection(database.desk())).execute("PRAGMA max_page_count = 1")
    with pytest.raises(DatabaseError, match="the disk is full"):
        Info(database).set("note", "x" * 1_000_000)
    assert count(database) == 0


def test_a_database_without_our_tables_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="has not our tables"):
        count(open_database(tmp_path / "empty.db"))


@pytest.mark.parametrize("url", ["oracle://nowhere/x", "nonsense://", "postgresql+nothing://host/db"])
def test_an_unknown_kind_of_database_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        open_database(url)


def test_a_server_that_is_away_is_one_line_without_its_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    database = open_database("postgresql+psycopg://asha:secret@127.0.0.1:1/nowhere")
    with pytest.raises(DatabaseError) as raised:
        count(database)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_forked_child_does_not_use_its_parents_connection(database: Database) -> None:
    Info(database).set("mode", "paper")
    mine = database.connection(database.desk())
    child = os.fork()
    if child == 0:
        os._exit(0 if database.connection(database.desk()) is not mine and count(database) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_read_costs_less_than_60_microseconds(database: Database) -> None:
    def empty() -> None:
        with database.read():
            pass

    best = min(timeit.repeat(empty, number=200, repeat=5)) / 200
    assert best < 60e-6
