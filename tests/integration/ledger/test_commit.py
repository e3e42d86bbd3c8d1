"""The end of a transaction: all of it is kept or none, and the next one can begin."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import exc, insert, text

from tests.integration.ledger.test_engine import count
from tradectl.errors import DatabaseError, Interrupted
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.opening import open_database
from tradectl.ledger.schema import database_info
from tradectl.ledger.store import Info
from tradectl.ledger.upserts import insert_new

PUT = CompiledStatement(insert(database_info).inline())


@pytest.fixture
def durable(database: Database, address: str) -> Iterator[Database]:
    """The way that a live account goes: in the queue of writers, and on the disk."""
    opened = open_database(address)
    yield opened
    opened.close()


@pytest.fixture
def other(database: Database, address: str) -> Iterator[Database]:
    """Another process's way to it, which does not wait long."""
    opened = open_database(address, busy_seconds=0.05)
    yield opened
    opened.close()


def put(database: Database, key: str) -> None:
    with database.write() as connection:
        PUT.execute(connection, {"key": key, "value": "1"})


def test_a_refused_commit_raises_and_rolls_back(durable: Database, other: Database) -> None:
    """A constraint that is looked at only then; the error is the one that an earlier look would have raised."""
    with durable.write() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"))

    def orphan() -> None:
        with durable.write() as connection:
            PUT.execute(connection, {"key": "mode", "value": "paper"})
            connection.execute(text("INSERT INTO child VALUES (7)"))

    with pytest.raises((exc.IntegrityError, sqlite3.IntegrityError)):
        orphan()
    put(other, "after")
    put(durable, "after all")
    assert count(durable) == 2


def test_a_failed_commit_is_one_line_and_the_next_write_works(file_database: Database, path: Path) -> None:
    durable = open_database(path)

    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    durable.before_commit = fail
    with pytest.raises(DatabaseError, match="disk I/O error"):
        put(durable, "lost")
    durable.before_commit = None
    put(file_database, "others go on")
    put(durable, "so do we")
    assert count(durable) == 2
    durable.close()


@pytest.mark.parametrize(
    "end", [KeyboardInterrupt(), SystemExit(), Interrupted(signal.SIGTERM)], ids=lambda end: type(end).__name__
)
def test_an_interrupt_just_before_commit_rolls_back(durable: Database, other: Database, end: BaseException) -> None:
    def asked() -> None:
        raise end

    durable.before_commit = asked
    with pytest.raises(type(end)):
        put(durable, "lost")
    durable.before_commit = None
    put(other, "others go on")
    put(durable, "so do we")
    assert count(durable) == 2


def test_a_signal_in_a_transaction_rolls_back_and_unlocks(durable: Database, other: Database) -> None:
    def asked(number: int, _frame: object) -> None:
        raise Interrupted(number)

    def interrupted() -> None:
        with durable.write() as connection:
            PUT.execute(connection, {"key": "lost", "value": "1"})
            with durable.note():
                signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, asked)
    try:
        with pytest.raises(Interrupted):
            interrupted()
    finally:
        signal.signal(signal.SIGTERM, before)
    put(other, "others go on")
    assert count(durable) == 1


def test_a_commit_is_the_last_thing_and_comes_once(durable: Database, other: Database) -> None:
    """Parts of a transaction end with the whole; nobody sees it before."""
    seen = []
    durable.before_commit = lambda: seen.append(count(other))
    with durable.write():
        put(durable, "a")
        Info(durable).set("b", "1")
        assert seen == []
    assert (seen, count(other)) == ([0], 2)


def test_a_statement_that_failed_and_was_caught_leaves_the_rest(file_database: Database) -> None:
    """On SQLite a refused row ends nothing; what was written around it is kept, as before."""
    with file_database.write() as connection:
        PUT.execute(connection, {"key": "a", "value": "1"})
        with pytest.raises(exc.IntegrityError):
            PUT.execute(connection, {"key": "a", "value": "2"})
        assert not insert_new(connection, database_info, {"key": "a", "value": "3"})
    assert count(file_database) == 1


# -- a file that nobody else knows


def test_a_database_alone_keeps_others_out_until_it_is_closed(path: Path) -> None:
    alone = open_database(path, durable=False, alone=True)
    with alone.write() as connection:
        database_info.create(connection)
        PUT.execute(connection, {"key": "mode", "value": "simulated"})
    other = open_database(path, durable=False, busy_seconds=0.05)
    with pytest.raises(DatabaseError, match="is locked by another process"):
        count(other)
    alone.close()
    assert count(other) == 1
    other.close()


def test_the_token_of_an_exclusive_database_ignores_notes(path: Path) -> None:
    alone = open_database(path, durable=False, alone=True)
    with alone.write() as connection:
        database_info.create(connection)
    first = alone.version_token()
    with alone.note() as connection:
        PUT.execute(connection, {"key": "a", "value": "1"})
    count(alone)
    assert alone.version_token() == first
    put(alone, "b")
    second = alone.version_token()
    assert second == first._replace(own=first.own + 1)
    with pytest.raises(KeyError), alone.write():
        raise KeyError
    assert alone.version_token() != second
    alone.close()
