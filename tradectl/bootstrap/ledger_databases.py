"""Open a home's database. The first command after an update of the program upgrades the schema, also one that only reads."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from tradectl.clock import VirtualClock
from tradectl.errors import DatabaseError, TradectlError

if TYPE_CHECKING:
    from tradectl.ledger.engine import Database
    from tradectl.settings import Settings


def open_home_database(settings: Settings, *, read_only: bool = False, busy_seconds: float | None = None) -> Database:
    """Return the home's database as it is."""
    from tradectl.ledger.engine import BUSY_SECONDS
    from tradectl.ledger.opening import open_database

    waits = BUSY_SECONDS if busy_seconds is None else busy_seconds
    database = open_database(settings.database, read_only=read_only, busy_seconds=waits)
    if database.journal is not None and settings.at is not None:
        database.journal.now = VirtualClock(settings.at).now
    return database


def upgrade_older(settings: Settings, database: Database) -> bool:
    """Upgrade a database that an older version of the program wrote; return whether the database has a schema at all.

    `database` may be open only for reading: then a second connection upgrades it. Raises DatabaseError for a newer schema.
    """
    from tradectl.ledger.migrations import HEAD, create_or_upgrade, revision

    found = revision(database)
    if found is None:
        return False
    if found < HEAD and database.read_only:
        with closing(open_home_database(settings)) as writable:
            create_or_upgrade(writable)
    if found != HEAD:
        create_or_upgrade(database)
    return True


def read_home_database(settings: Settings, *, upgrade: bool = True) -> Database:
    """Return the home's database for reading, with the schema of this version of the program.

    A ledger that cannot be written, such as a backup on a read-only disk, keeps its older schema. `upgrade`: False writes
    nothing. Raises DatabaseError for a newer schema.
    """
    from tradectl.ledger.migrations import HEAD, revision

    database = open_home_database(settings, read_only=True)
    try:
        found = revision(database)
        if found is None or found >= HEAD:
            upgrade_older(settings, database)
        elif upgrade:
            with suppress(DatabaseError):
                upgrade_older(settings, database)
    except TradectlError:
        database.close()
        raise
    return database
