"""The ledger's mark of its paper exchange: the next write stores the newest mark, and only a commit counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from tradectl.errors import DatabaseError
from tradectl.ledger.engine import Database
from tradectl.ledger.exchange_mark import ExchangeMark, Mark
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Info

FIRST, SECOND = Mark("file", 1), Mark("file", 2)


@pytest.fixture
def durable(file_database: Database, path: Path) -> Iterator[Database]:
    opened = open_database(path)
    yield opened
    opened.close()


def fail() -> None:
    raise sqlite3.OperationalError("disk I/O error")


def elsewhere(path: Path) -> Mark | None:
    """The mark that another process reads."""
    other = open_database(path, read_only=True)
    found = ExchangeMark(other, "me").last()
    other.close()
    return found


def test_a_mark_whose_commit_failed_rides_on_the_next_write(durable: Database, path: Path) -> None:
    mark = ExchangeMark(durable, "me")
    mark.remember(FIRST)
    durable.before_commit = fail
    with pytest.raises(DatabaseError):
        Info(durable).set("a", "1")
    durable.before_commit = None
    assert elsewhere(path) is None
    Info(durable).set("b", "1")
    assert elsewhere(path) == FIRST


def test_a_mark_whose_commit_failed_is_stored_at_the_end(durable: Database, path: Path) -> None:
    mark = ExchangeMark(durable, "me")
    mark.remember(FIRST)
    mark.store()
    mark.remember(SECOND)
    durable.before_commit = fail
    with pytest.raises(DatabaseError):
        mark.store()
    durable.before_commit = None
    mark.store()
    assert elsewhere(path) == SECOND


def test_a_write_that_is_undone_takes_no_mark_with_it(durable: Database, path: Path) -> None:
    mark = ExchangeMark(durable, "me")
    mark.remember(FIRST)
    with suppress(ValueError), durable.write():
        Info(durable).set("a", "1")
        raise ValueError("undone")
    assert elsewhere(path) is None
    with durable.write(), durable.write():
        mark.remember(SECOND)
    assert elsewhere(path) == SECOND


def test_a_stored_mark_is_written_once(durable: Database) -> None:
    mark = ExchangeMark(durable, "me")
    mark.remember(FIRST)
    mark.store()
    with durable.read() as connection:
        before = connection.scalar(text("PRAGMA data_version"))
    mark.store()
    with durable.read() as connection:
        assert connection.scalar(text("PRAGMA data_version")) == before
