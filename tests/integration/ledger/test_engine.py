"""The way to the database: what a write promises, what a snapshot sees, and the one line behind every failure.

What asks for `database` holds on SQLite and on PostgreSQL; what asks for `file_database` or for a path is about SQLite's own
words: its snapshot (PostgreSQL has one a statement), its pragmas, its change counter, its file.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import timeit
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from tradectl.errors import ConfigurationError, DatabaseError
from tradectl.ledger.engine import Database, driver
from tradectl.ledger.opening import open_database
from tradectl.ledger.schema import database_info
from tradectl.ledger.store import Info, Ledger
from tradectl.ledger.upserts import insert_new

COUNT = text("SELECT count(*) FROM database_info")


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(COUNT).scalar_one())


@pytest.fixture
def other(address: str) -> Iterator[Database]:
    """Another way to the same database, which does not wait long."""
    opened = open_database(address, durable=False, busy_seconds=0.05)
    yield opened
    opened.close()


@pytest.fixture
def other_file(path: Path) -> Iterator[Database]:
    opened = open_database(path, durable=False, busy_seconds=0.05)
    yield opened
    opened.close()


def test_an_exception_rolls_a_write_back(database: Database) -> None:
    def half() -> None:
        with database.write():
            Info(database).set("mode", "paper")
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert count(database) == 0


def test_a_write_inside_a_write_commits_with_it(database: Database, other: Database) -> None:
    with database.write():
        Info(database).set("mode", "paper")
        assert Info(database).get("mode") == "paper"
        assert count(other) == 0
    assert count(other) == 1


def test_a_failed_part_takes_the_whole_write_with_it(database: Database) -> None:
    def whole() -> None:
        with database.write():
            Info(database).set("mode", "paper")
            with pytest.raises(KeyError), database.write():
                raise KeyError

    with pytest.raises(RuntimeError, match="all of it was rolled back"):
        whole()
    assert count(database) == 0


def test_a_write_cannot_begin_inside_a_read(database: Database) -> None:
    with database.read(), pytest.raises(RuntimeError, match="inside a read"), database.write():
        pass


def test_a_read_is_one_snapshot(file_database: Database, other_file: Database) -> None:
    with file_database.read() as connection:
        assert connection.execute(COUNT).scalar_one() == 0
        Info(other_file).set("mode", "paper")
        assert connection.execute(COUNT).scalar_one() == 0
    assert count(file_database) == 1


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


def test_the_token_changes_with_every_write_but_notes(file_database: Database, other_file: Database) -> None:
    first = file_database.version_token()
    count(file_database)
    assert file_database.version_token() == first
    Info(other_file).set("mode", "paper")
    second = file_database.version_token()
    assert second != first
    Info(file_database).set("clock", "system")
    assert file_database.version_token() == second
    with file_database.write():
        Info(file_database).set("clock", "virtual")
    third = file_database.version_token()
    assert third != second
    assert file_database.version_token() == third
    file_database.close()
    assert file_database.version_token() != third


def test_nothing_is_cached_inside_a_write(database: Database) -> None:
    with database.write():
        assert database.version_token() != database.version_token()


def test_a_taken_key_returns_false_and_does_not_raise(database: Database) -> None:
    with database.write() as connection:
        assert insert_new(connection, database_info, {"key": "mode", "value": "paper"})
        assert not insert_new(connection, database_info, {"key": "mode", "value": "live"})
    assert Info(database).get("mode") == "paper"


def test_a_broken_constraint_stays_what_it_is(ledger: Ledger) -> None:
    with pytest.raises(exc.IntegrityError), ledger.database.write() as connection:
        connection.execute(text("UPDATE users SET role = 'king'"))


def test_the_pragmas_are_set(file_database: Database, path: Path) -> None:
    def pragma(of: Database, name: str) -> object:
        with of.read() as connection:
            return connection.execute(text(f"PRAGMA {name}")).scalar()

    assert pragma(file_database, "journal_mode") == "wal"
    assert pragma(file_database, "foreign_keys") == 1
    assert pragma(file_database, "synchronous") == 0
    assert pragma(open_database(path), "synchronous") == 2
    assert pragma(open_database(path), "busy_timeout") == 30_000


def test_locked_too_long_is_one_line(database: Database, other: Database) -> None:
    """Of SQLite a throw-away writer, who does not queue; PostgreSQL waits where two want the same row."""
    Info(database).set("mode", "paper")
    with database.write():
        Info(database).set("mode", "live")
        with pytest.raises(DatabaseError, match="is locked by another process beyond the time-out"):
            Info(other).set("mode", "simulated")
    assert Info(other).get("mode") == "live"


def test_a_reader_does_not_wait_for_a_writer(database: Database, other: Database) -> None:
    with database.write():
        Info(database).set("mode", "paper")
        assert count(other) == 0


def test_a_file_of_something_else_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("shopping list " * 100)
    with pytest.raises(DatabaseError, match="is not a database") as raised:
        count(open_database(tmp_path / "notes.db"))
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 10


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot be opened"):
        count(open_database(tmp_path / "nowhere" / "ledger.db"))


def test_reading_only_writes_nothing(database: Database, address: str) -> None:
    reader = open_database(address, read_only=True)
    assert count(reader) == 0
    with pytest.raises(DatabaseError, match="open for reading only"), reader.write():
        pass
    reader.close()


def test_reading_only_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        count(open_database(tmp_path / "none.db", read_only=True))
    assert not (tmp_path / "none.db").exists()


def test_a_read_only_file_is_one_line(tmp_path: Path) -> None:
    """By SQLite's own switch, since root may write any file."""
    path = tmp_path / "ro.db"
    sqlite3.connect(path).executescript("CREATE TABLE t (a)")
    database = open_database(path)
    driver(database.connection(database.thread())).execute("PRAGMA query_only = ON")
    with pytest.raises(DatabaseError, match="is read-only"), database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_full_disk_is_one_line(file_database: Database) -> None:
    """A page limit is answered by SQLite with the same code as a full disk."""
    driver(file_database.connection(file_database.thread())).execute("PRAGMA max_page_count = 1")
    with pytest.raises(DatabaseError, match="the disk is full"):
        Info(file_database).set("note", "x" * 1_000_000)
    assert count(file_database) == 0


def test_a_database_without_our_tables_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="has no tradectl tables"):
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
    mine = database.connection(database.thread())
    child = os.fork()
    if child == 0:
        os._exit(0 if database.connection(database.thread()) is not mine and count(database) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# -- the queue of SQLite's writers, within one process; between processes in test_races ------------------------------------


def is_free(path: Path) -> bool:
    """Whether it is nobody's turn."""
    with Path(f"{path}.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def queueing(file_database: Database, path: Path) -> Iterator[Database]:
    """A durable way to the same file."""
    opened = open_database(path, busy_seconds=0.2)
    yield opened
    opened.close()


def test_a_durable_write_has_its_turn_and_gives_it_back(queueing: Database, path: Path) -> None:
    with queueing.write(), queueing.note():
        assert not is_free(path)
    assert is_free(path)


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_every_exception_gives_the_turn_back(queueing: Database, path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), queueing.write():
        raise error
    assert is_free(path)
    Info(queueing).set("mode", "paper")
    assert count(queueing) == 1


def test_an_interrupt_while_waiting_leaves_nothing_behind(queueing: Database, path: Path) -> None:
    """As a signal's handler raises it: in the middle of waiting for SQLite's own lock, with the turn in hand."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises((KeyboardInterrupt, DatabaseError)), queueing.write():
            pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert is_free(path)
    holder.execute("ROLLBACK")
    holder.close()
    Info(queueing).set("mode", "paper")
    assert count(queueing) == 1


def test_threads_take_turns(queueing: Database) -> None:
    """Each has a place of its own in the queue: two in one process wait for each other as two processes do."""
    ended: list[str] = []

    def write() -> None:
        try:
            Info(queueing).set("mode", "live")
            ended.append("written")
        except DatabaseError as error:
            ended.append(str(error))
        queueing.leave_thread()

    with queueing.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert ended == [f"{queueing.name} is locked by another process beyond the time-out"]
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert ended[1:] == ["written"]


def test_a_link_to_a_database_queues_with_it(queueing: Database, path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").mkdir()
    link = tmp_path / "link" / "other.db"
    link.symlink_to(path)
    linked = open_database(link)
    with linked.write():
        assert not is_free(path)
    linked.close()


def test_throw_away_databases_and_readers_do_not_queue(file_database: Database, path: Path) -> None:
    Info(file_database).set("mode", "paper")
    reader = open_database(path, read_only=True)
    assert count(reader) == 1
    reader.close()
    assert not Path(f"{path}.lock").exists()


def test_where_the_queue_cannot_be_made_sqlite_waits_alone(queueing: Database, path: Path) -> None:
    """A folder in its place is refused as a folder that may not be written is, to root too."""
    Path(f"{path}.lock").mkdir()
    Path(f"{path}.next").mkdir()
    Info(queueing).set("mode", "paper")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="is locked by another process"):
        Info(queueing).set("mode", "live")
    holder.close()


def test_a_missing_folder_is_the_same_line_for_a_writer(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot be opened: check that the folder exists"):
        Info(open_database(tmp_path / "nowhere" / "ledger.db")).set("mode", "paper")


def test_a_system_without_file_locks_writes_as_well(file_database: Database, path: Path) -> None:
    code = "import sys; sys.modules['fcntl'] = None; from tradectl.ledger.opening import open_database as o;"
    code += "from tradectl.ledger.store import Info; Info(o(sys.argv[1])).set('mode', 'paper')"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert Info(file_database).get("mode") == "paper"
    assert not Path(f"{path}.lock").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_ended_threads_and_closed_databases_leave_no_file(queueing: Database) -> None:
    def files() -> list[str]:
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [link for link in links if link.endswith((".lock", ".next"))]

    def write() -> None:
        Info(queueing).set("mode", "live")  # and ends without a word

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    Info(queueing).set("mode", "paper")
    assert files()
    queueing.close()
    gc.collect()
    assert files() == []


def test_a_read_costs_less_than_60_microseconds(file_database: Database) -> None:
    def empty() -> None:
        with file_database.read():
            pass

    best = min(timeit.repeat(empty, number=200, repeat=5)) / 200
    assert best < 60e-6
