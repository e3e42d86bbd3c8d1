"""The schema through time: made fresh, migrated by Alembic, and refused where it is not one of the program."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.engine import Connection

from tests.integration.ledger.conftest import with_admin
from tests.support.addresses import emptied
from tradectl.bootstrap.home_readings import home_ledger
from tradectl.errors import DatabaseError
from tradectl.ledger import journal_triggers, schema
from tradectl.ledger.audit import entries, verify
from tradectl.ledger.engine import Database
from tradectl.ledger.migrations import HEAD, alembic_config, create_or_upgrade, revision
from tradectl.ledger.opening import open_database
from tradectl.settings import load


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        database = open_database(tmp_path / "empty.db", durable=False)
    else:
        emptied(request.getfixturevalue("server"))
        database = open_database(request.getfixturevalue("server"))
    yield database
    database.close()


def migrate(database: Database) -> None:
    from alembic import command

    with database.write() as connection:
        command.upgrade(alembic_config(connection), "head")


def differences(connection: Connection) -> list[object]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), schema.metadata))


def checks(connection: Connection) -> dict[tuple[str, str], str]:
    """Every CHECK with its text, which Alembic does not compare."""
    inspector = inspect(connection)
    found = ((table, item) for table in schema.metadata.tables for item in inspector.get_check_constraints(table))
    return {(table, str(item["name"])): item["sqltext"] for table, item in found}


def test_the_migrations_make_exactly_the_schema(empty: Database) -> None:
    migrate(empty)
    with empty.read() as connection:
        assert differences(connection) == []
        migrated = checks(connection)
    assert revision(empty) == HEAD
    with empty.write() as connection:
        schema.metadata.drop_all(connection)
        schema.metadata.create_all(connection)
    with empty.read() as connection:
        assert migrated == checks(connection)
        assert len(migrated) > 10


def test_a_fresh_database_is_what_the_migrations_make(empty: Database) -> None:
    assert create_or_upgrade(empty)
    assert not create_or_upgrade(empty)
    with empty.read() as connection:
        assert differences(connection) == []
    assert revision(empty) == HEAD


def test_head_is_the_newest_migration(empty: Database) -> None:
    from alembic.script import ScriptDirectory

    with empty.read() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD


def test_a_database_of_a_newer_version_is_refused(empty: Database) -> None:
    create_or_upgrade(empty)
    with empty.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer version"):
        create_or_upgrade(empty)


def test_a_database_of_something_else_is_refused_and_left_alone(empty: Database) -> None:
    with empty.write() as connection:
        connection.execute(text("CREATE TABLE recipes (name VARCHAR(10))"))
    with pytest.raises(DatabaseError, match="not one of tradectl's"):
        create_or_upgrade(empty)
    with empty.read() as connection:
        assert inspect(connection).get_table_names() == ["recipes"]


def test_nothing_is_created_for_a_reader(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").execute("VACUUM")
    with pytest.raises(DatabaseError, match="older schema"):
        create_or_upgrade(open_database(tmp_path / "empty.db", read_only=True))


def test_two_processes_may_create_it_at_once(tmp_path: Path) -> None:
    code = "import sys; from tradectl.ledger.opening import open_database as o; from tradectl.ledger.migrations import *;"
    code += "create_or_upgrade(o(sys.argv[1]))"
    path = str(tmp_path / "new.db")
    children = [subprocess.Popen([sys.executable, "-c", code, path], stderr=subprocess.PIPE) for _ in range(4)]
    assert [(child.communicate()[1], child.returncode) for child in children] == [(b"", 0)] * 4
    assert revision(open_database(path)) == HEAD


def test_opening_stays_light(file_database: Database, path: Path) -> None:
    code = "import sys; from tradectl.ledger.opening import open_database as o; from tradectl.ledger.migrations import *;"
    code += "from tradectl.ledger.store import Ledger; d = o(sys.argv[1]); create_or_upgrade(d); Ledger(d, 'asha').info.all();"
    code += "print([m for m in ('alembic', 'pandas', 'cryptography', 'sqlite_utils', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


OUTSIDE = {
    "user": "asha", "session_date": date(2023, 7, 21), "exchange": "NSE", "trade_id": "1", "symbol": "ITC", "side": "BUY",
    "quantity": 5, "price": 400_00, "at": datetime(2023, 7, 21, 5, tzinfo=UTC), "source": "trades.csv", "row": 2,
    "imported_at": datetime(2023, 7, 22, 5, tzinfo=UTC),
}  # fmt: skip


def at_revision(revision: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a database as the program of an earlier revision left it: with its journal, a user and a trade from outside."""
    from alembic import command

    database = open_database(address)
    with monkeypatch.context() as earlier:
        with database.write() as connection:
            command.upgrade(alembic_config(connection), revision)
            found = inspect(connection)
            then = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
            without = tuple(
                replace(item, columns=tuple(column.name for column in item.journalled() if column.name in then[item.name]))
                for item in journal_triggers.WATCHED
                if item.name in then
            )
            earlier.setattr(journal_triggers, "WATCHED", without)
            journal_triggers.expected.cache_clear()
            journal_triggers.install(connection)
        with_admin(database)
        with database.write() as connection:
            connection.execute(insert(schema.outside_trades).values(OUTSIDE))
    journal_triggers.expected.cache_clear()
    database.close()


@pytest.mark.parametrize("earlier", ["0003", "0004"])
def test_an_earlier_ledger_gets_its_columns_and_stays_proved(earlier: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_revision(earlier, address, monkeypatch)
    database = open_database(address)
    assert revision(database) == earlier
    assert create_or_upgrade(database)
    assert revision(database) == HEAD
    with database.read() as connection:
        assert differences(connection) == []
        assert connection.execute(select(schema.outside_trades.c.symbol, schema.outside_trades.c.series)).all() == [("ITC", "")]
    changes = [(entry.record, entry.change) for entry in entries(database)]
    made = [("users", "insert"), ("outside_trades", "insert")]
    assert changes == [*made, *([("outside_trades", "found")] if earlier == "0003" else [])]
    assert verify(database).findings == ()
    assert not create_or_upgrade(database)
    database.close()


def test_columns_that_an_earlier_state_made_are_left(empty: Database) -> None:
    """Programs of one day made them in new databases of revision 0003."""
    from alembic import command

    with empty.write() as connection:
        command.upgrade(alembic_config(connection), "0004")
        connection.execute(text("ALTER TABLE outside_trades DROP COLUMN series"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    assert create_or_upgrade(empty)
    with empty.read() as connection:
        assert differences(connection) == []


def test_a_reader_upgrades_the_ledger_of_an_earlier_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update of the program the first command may be `simulate`, which only reads the home."""
    settings = load(home=str(tmp_path), environment={})
    at_revision("0004", settings.database, monkeypatch)
    home = home_ledger(settings)
    assert home is not None
    assert home.strategies.chosen() == []
    assert revision(home.database) == HEAD
    home.database.close()


def test_a_completion_leaves_the_ledger_of_an_earlier_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon of the earlier program may still run."""
    settings = load(home=str(tmp_path), environment={})
    at_revision("0004", settings.database, monkeypatch)
    home = home_ledger(settings, upgrade=False)
    assert home is not None
    assert revision(home.database) == "0004"
    home.database.close()
