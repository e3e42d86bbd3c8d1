"""A database that was being brought forward when its process was killed opens again, with everything that was in it.

The process kills itself just before its n-th SQL statement, or just before its commit: for every n in a slow run, else for a
sample of each kind of statement.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.engine import Connection

from tests.integration.ledger.test_migrations import checks, differences
from tradectl.ledger import schema
from tradectl.ledger.engine import Database
from tradectl.ledger.migrations import HEAD, alembic_config, create_or_upgrade, revision
from tradectl.ledger.opening import open_database

FORK = multiprocessing.get_context("fork")
FIRST = "0001"
MOMENT = "2026-01-07 04:00:00+00:00"
ROWS = (
    "INSERT INTO database_info VALUES ('mode', 'paper')",
    f"""INSERT INTO users ("user", role, capital, created_at) VALUES ('asha', 'admin', 50000000, '{MOMENT}')""",
    f"""INSERT INTO users ("user", role, trading_state, state_reason, capital, created_at)
        VALUES ('ravi', 'user', 'HALTED', 'by hand', 1, '{MOMENT}')""",
    *(
        f"""INSERT INTO orders ("user", tag, instrument_id, symbol, side, purpose, quantity, price, order_type, variety, status,
            session_date, decided, leg, generation, broker_order_id, filled_quantity, created_at, updated_at)
        VALUES ('asha', 'TAG{number}', 'INE{number}', 'ACME{number}', 'BUY', 'entry', 10, 10050, 'LIMIT', 'AMO', '{status}',
            '2026-01-08', '2026-01-07', '', 0, {broker}, {filled}, '{MOMENT}', '{MOMENT}')"""
        for number, (status, broker, filled) in enumerate(
            [
                ("PENDING", "NULL", 0),
                ("UNKNOWN", "NULL", 0),
                ("ONGOING", "'B2'", 4),
                ("EXECUTED", "'B3'", 10),
                ("CANCELLED", "'B4'", 4),
                ("RETRY_PENDING", "NULL", 0),
                ("REJECTED", "'B6'", 0),
            ]
        )
    ),
)
"""A few of each kind, in the columns that the first revision has."""
CHANGES = ("ALTER", "CREATE", "UPDATE alembic_version")
TABLES = ("database_info", "users", "orders")
Content = dict[str, list[dict[str, Any]]]


class Server:
    """PostgreSQL databases at the first revision, each a copy of one that was made once."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.names = count()
        self.command('DROP DATABASE IF EXISTS "first"', 'CREATE DATABASE "first"')
        make_first(self.of("first"))

    def of(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)

    def fresh(self) -> str:
        name = f"killed{next(self.names)}"
        self.command(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}" TEMPLATE "first"')
        return self.of(name)

    def command(self, *statements: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


class Files:
    """SQLite files at the first revision, each a copy of one that was made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = count()
        make_first(str(folder / "first.db"))
        assert not (folder / "first.db-wal").exists()

    def fresh(self) -> str:
        path = self.folder / f"killed{next(self.names)}.db"
        path.write_bytes((self.folder / "first.db").read_bytes())
        return str(path)


def make_first(url: str) -> None:
    """A database as the first version made it, with rows in it."""
    from alembic import command

    database = open_database(url)
    with database.write() as connection:
        command.upgrade(alembic_config(connection), FIRST)
        for statement in ROWS:
            connection.execute(text(statement))
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def firsts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files | Server]:
    if request.param == "sqlite":
        yield Files(tmp_path)
    else:
        yield Server(request.getfixturevalue("server"))


def upgrade(url: str, step: Callable[[str], None]) -> None:
    """Bring a database forward, and call `step` just before each statement; a commit counts as one."""
    database = open_database(url)

    @event.listens_for(database.engine, "before_cursor_execute")
    def execute(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        step(" ".join(statement.split()))

    database.before_commit = lambda: step("COMMIT")
    create_or_upgrade(database)
    database.close()


def upgrade_until(url: str, number: int, told: Path) -> None:
    """Bring a database forward, and be killed just before the n-th statement."""
    done = 0

    def step(what: str) -> None:
        nonlocal done
        done += 1
        if done == number:
            told.write_text(what, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    upgrade(url, step)


def sample(statements: Sequence[str]) -> list[int]:
    """Return the numbers of the first two statements of each kind, of one in twenty-five, and of the last one."""
    kinds: dict[str, list[int]] = {}
    for number, statement in enumerate(statements, 1):
        kinds.setdefault(" ".join(statement.split()[:2]) if statement.startswith(CHANGES) else statement[:6], []).append(number)
    return sorted(
        {*(number for numbers in kinds.values() for number in numbers[:2]), *range(1, len(statements), 25), len(statements)}
    )


def content(database: Database, columns: dict[str, str]) -> Content:
    with database.read() as connection:
        return {
            table: [dict(row) for row in connection.execute(text(f"SELECT {names} FROM {table} ORDER BY 1")).mappings()]
            for table, names in columns.items()
        }


def columns_of(database: Database) -> dict[str, str]:
    """The columns of some tables, as a SELECT names them."""
    from sqlalchemy import inspect

    with database.read() as connection:
        found = {table: inspect(connection).get_columns(table) for table in TABLES}
    return {table: ", ".join(f'"{column["name"]}"' for column in items) for table, items in found.items()}


def intact(database: Database) -> bool:
    if not database.sqlite:
        return True
    with database.read() as connection:
        found = connection.execute(text("PRAGMA integrity_check")).scalar_one()
        return bool(found == "ok") and connection.execute(text("PRAGMA foreign_key_check")).all() == []


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["a sample", "every statement"])
@pytest.mark.parametrize("firsts", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_a_database_opens_after_an_upgrade_killed_anywhere(firsts: Files | Server, tmp_path: Path, every: bool) -> None:
    first = open_database(firsts.fresh())
    columns = columns_of(first)
    before = content(first, columns)
    first.close()
    assert [len(before[table]) for table in TABLES] == [1, 2, 7]
    statements: list[str] = []
    upgrade(firsts.fresh(), statements.append)
    told, killed = tmp_path / "told", []
    for number in range(1, len(statements) + 1) if every else sample(statements):
        url = firsts.fresh()
        child = FORK.Process(target=upgrade_until, args=(url, number, told))
        child.start()
        child.join(60)
        opened = open_database(url)
        assert child.exitcode == -signal.SIGKILL
        killed.append(told.read_text(encoding="utf-8"))
        assert revision(opened) == FIRST, f"half of it was kept when it was killed before {killed[-1]}"
        assert content(opened, columns) == before
        assert create_or_upgrade(opened) == (HEAD != FIRST)
        assert revision(opened) == HEAD
        assert intact(opened)
        assert content(opened, columns) == before
        with opened.read() as connection:
            assert differences(connection) == []
        opened.close()
    assert killed
    if HEAD != FIRST:
        changes = [statement for statement in killed if statement.startswith(CHANGES)]
        assert len(changes) >= 2, killed
        assert killed[-1] == "COMMIT"


def test_migrating_the_first_revision_equals_a_fresh_database(firsts: Files | Server) -> None:
    database = open_database(firsts.fresh())
    create_or_upgrade(database)
    with database.write() as connection:
        upgraded = checks(connection)
        schema.metadata.drop_all(connection)
        schema.metadata.create_all(connection)
        assert checks(connection) == upgraded
    database.close()
