"""Store the files of a drilled account (ledger, exchange, faults, sandbox), and copy them before each step.

With SQLite this is a folder. With PostgreSQL the ledger is a separate database, and each copy is a schema in it. Copying tables
within a database takes milliseconds; creating a database takes a tenth of a second.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, make_url

from tradectl.lab.drill.crash_point import CommitWatch
from tradectl.ledger.engine import Database
from tradectl.ledger.opening import open_database
from tradectl.ledger.schema import metadata

PAPER, SERVER = "paper.db", "server.pickle"
"""The files of the exchange and of the sandbox's state. The files of the ledger and of the faults are in the same folder."""


class Workspace(Protocol):
    """The files of one account.

    Attributes:
        folder: The folder of the exchange's files.
        ledger: The database object that all processes share, so that its statements are compiled once. No connection to it may
            be open in `save` and `restore`.
        watch: Reports the commits of `ledger`.
    """

    folder: Path
    ledger: Database
    watch: CommitWatch

    def save(self, name: str) -> None:
        """Save a copy of the current state under a name."""
        ...

    def restore(self, name: str) -> None:
        """Restore the state that was saved under a name."""
        ...

    def forget(self) -> None:
        """Delete all saved copies."""
        ...


class FolderWorkspace:
    """A workspace of files in a folder, with a folder for each copy."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "workspace"
        self._saved = work / "saved"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ledger = open_database(self.folder / "ledger.db", durable=False)
        self.watch = CommitWatch(self.ledger)

    def save(self, name: str) -> None:
        _copy(self.folder, self._saved / name)

    def restore(self, name: str) -> None:
        _copy(self._saved / name, self.folder)

    def forget(self) -> None:
        shutil.rmtree(self._saved, ignore_errors=True)


class ServerWorkspace:
    """A workspace of a separate database on a PostgreSQL server, and a folder for the exchange's files."""

    def __init__(self, work: Path, url: str) -> None:
        self._files = FolderWorkspace(work)
        self.folder = self._files.folder
        self.ledger = open_database(url, journal=False)  # `restore` deletes rows, which a journal would reject
        self.watch = CommitWatch(self.ledger)
        self._names: list[str] = []

    def save(self, name: str) -> None:
        self._files.save(name)
        self._names.append(name)
        with self.ledger.write() as connection:
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
            connection.execute(text(f'CREATE SCHEMA "{name}"'))
            for one in metadata.sorted_tables:
                connection.execute(text(f'CREATE TABLE "{name}".{one.name} AS SELECT * FROM public.{one.name}'))
        self.ledger.close()

    def restore(self, name: str) -> None:
        self._files.restore(name)
        with self.ledger.write() as connection:
            for one in reversed(metadata.sorted_tables):  # faster than TRUNCATE for small tables, which makes new files
                connection.execute(text(f"DELETE FROM public.{one.name}"))
            for one in metadata.sorted_tables:
                connection.execute(text(f'INSERT INTO public.{one.name} SELECT * FROM "{name}".{one.name}'))
                if "id" in one.c:
                    newest = f"(SELECT coalesce(max(id), 0) + 1 FROM public.{one.name})"
                    sequence = f"pg_get_serial_sequence('public.{one.name}', 'id')"
                    connection.execute(text(f"SELECT setval({sequence}, {newest}, false)"))
        self.ledger.close()

    def forget(self) -> None:
        self._files.forget()
        with self.ledger.write() as connection:
            for name in self._names:
                connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
        self.ledger.close()
        self._names.clear()


PREFIX = "tradectl_drill_"
"""The prefix of the names of the drill's databases on a server."""


def own_database(server: str, name: str) -> str:
    """Create a temporary database on the server and return its URL. Its commits need not survive a power cut."""
    with _as_owner(server) as connection:
        connection.execute(text(f"CREATE DATABASE {PREFIX}{name}"))
        connection.execute(text(f"ALTER DATABASE {PREFIX}{name} SET synchronous_commit = off"))
    return make_url(server).set(database=f"{PREFIX}{name}").render_as_string(hide_password=False)


def drop_databases(server: str, beginning: str) -> None:
    """Drop the drill's databases whose name begins with `beginning`, even while a process is connected to them."""
    with _as_owner(server) as connection:
        known = connection.scalars(text("SELECT datname FROM pg_database"))
        for name in [name for name in known if name.startswith(f"{PREFIX}{beginning}_")]:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@contextmanager
def _as_owner(server: str) -> Iterator[Connection]:
    """Yield a connection on which databases can be created: without transactions."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _copy(source: Path, target: Path) -> None:
    """Replace all files of a folder by those of another folder. Remaining journal files belong to the old files."""
    if target.exists():
        for file in target.iterdir():
            file.unlink()
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        shutil.copyfile(file, target / file.name)
