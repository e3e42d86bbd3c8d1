"""Create the ledger's schema in a new database, or upgrade an older database by Alembic.

`HEAD` is the schema revision of this version of the program. Opening a database of this revision takes one SELECT. Alembic is
imported only to upgrade an older database.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from tradectl.errors import DatabaseError
from tradectl.ledger.engine import Database
from tradectl.ledger.failures import DATABASE_ERRORS, translated
from tradectl.ledger.journal_triggers import install
from tradectl.ledger.schema import metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

HEAD = "0005"
FOLDER = Path(__file__).parent
_LOCK = 7_427_001  # an arbitrary number, by which two processes that create one PostgreSQL database wait for each other


def revision(database: Database) -> str | None:
    """Return the schema revision of a database; None if it is empty. Raises DatabaseError for a database of another program."""
    with database.read() as connection:
        return _revision(connection, database.name)


def create_or_upgrade(database: Database) -> bool:
    """Create or upgrade a database to HEAD; return whether it was changed. Raises DatabaseError if a newer version wrote it."""
    found = revision(database)
    if found == HEAD:
        return False
    if database.read_only:
        if found is not None and found > HEAD:
            raise DatabaseError(_newer(database.name, found))
        raise DatabaseError(f"{database.name} has an older schema: the next command that writes upgrades it and keeps all rows")
    try:
        with database.write() as connection:
            if not database.sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            current = _revision(connection, database.name)
            if current is None:
                _create(connection)
            elif current != HEAD:
                _upgrade(connection, current, database.name)
            if current != HEAD and database.journal is not None:
                install(connection)
    except DATABASE_ERRORS as error:
        raise translated(error, database.name) from error
    return True


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for one open connection, from which `env.py` gets the connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection, name: str) -> str | None:
    inspector = inspect(connection)
    if inspector.has_table("alembic_version") and inspector.has_table("database_info"):
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    if inspector.get_table_names():
        raise DatabaseError(f"{name} is a database, but not one of tradectl's: check the path")
    return None


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _upgrade(connection: Connection, current: str, name: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current not in known:
        raise DatabaseError(_newer(name, current))
    command.upgrade(config, HEAD)


def _newer(name: str, found: str) -> str:
    return f"{name} was written by a newer version of tradectl (schema {found}, here {HEAD}): use that version"
