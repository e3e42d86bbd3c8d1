"""The ground on which a day is played: the ledger, the paper exchange's file and the faults' file, to be copied before each step.

With SQLite that is a folder. With PostgreSQL the ledger is a database of the drill's own, and a copy of it is a schema beside the
one that is played in: copying tables within a server costs milliseconds, making a database a tenth of a second.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from sqlalchemy import text

from tradectl.drill.trip import Watch
from tradectl.ledger.engine import Database, open_database
from tradectl.ledger.schema import metadata

PAPER, FAULTS = "paper.db", "faults.json"


class Ground(Protocol):
    """`folder` has the exchange's files. Every life uses the one `ledger`, for whose engine statements are built once; nobody may
    be connected to it while it is saved or brought back. `watch` tells of its commits."""

    folder: Path
    ledger: Database
    watch: Watch

    def save(self, name: str) -> None:
        """Keep it as it is now under a name."""
        ...

    def restore(self, name: str) -> None:
        """Make it again what it was when it was saved under that name."""
        ...

    def forget(self) -> None:
        """Drop everything that was saved."""
        ...


class FolderGround:
    """A folder with three files, and a folder for each copy of it."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "ground"
        self._saved = work / "saved"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ledger = open_database(self.folder / "ledger.db", durable=False)
        self.watch = Watch(self.ledger)

    def save(self, name: str) -> None:
        _copy(self.folder, self._saved / name)

    def restore(self, name: str) -> None:
        _copy(self._saved / name, self.folder)

    def forget(self) -> None:
        shutil.rmtree(self._saved, ignore_errors=True)


class ServerGround:
    """A database of a PostgreSQL server that belongs to nobody else, and a folder for the exchange's files."""

    def __init__(self, work: Path, url: str) -> None:
        self._files = FolderGround(work)
        self.folder = self._files.folder
        self.ledger = open_database(url)
        self.watch = Watch(self.ledger)
        self._names: list[str] = []

    def save(self, name: str) -> None:
        self._files.save(name)
        self._names.append(name)
        with self.ledger.write() as connection:
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
            connection.execute(text(f'CREATE SCHEMA "{name}"'))
            for table in metadata.sorted_tables:
                connection.execute(text(f'CREATE TABLE "{name}".{table.name} AS SELECT * FROM public.{table.name}'))
        self.ledger.close()

    def restore(self, name: str) -> None:
        self._files.restore(name)
        with self.ledger.write() as connection:
            tables = ", ".join(f"public.{table.name}" for table in metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
            for table in metadata.sorted_tables:
                connection.execute(text(f'INSERT INTO public.{table.name} SELECT * FROM "{name}".{table.name}'))
                if "id" in table.c:
                    newest = f"(SELECT coalesce(max(id), 0) + 1 FROM public.{table.name})"
                    sequence = f"pg_get_serial_sequence('public.{table.name}', 'id')"
                    connection.execute(text(f"SELECT setval({sequence}, {newest}, false)"))
        self.ledger.close()

    def forget(self) -> None:
        self._files.forget()
        with self.ledger.write() as connection:
            for name in self._names:
                connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
        self.ledger.close()
        self._names.clear()


def _copy(source: Path, target: Path) -> None:
    """Make a folder of files what another one is; what was left of journals belongs to the old files."""
    if target.exists():
        for file in target.iterdir():
            file.unlink()
    target.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        shutil.copyfile(file, target / file.name)
