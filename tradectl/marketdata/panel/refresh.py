"""Update the panel store to the generation of the archive: extend the store if that is safe, else derive it again.

A store is extended if all of these are proved; otherwise it is derived again:
- the archive contains the store's generation;
- no bar of its sessions changed since;
- the renames are equal;
- no action that changes a stored multiplier was added or removed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError
from tradectl.marketdata.adjustment import moving
from tradectl.marketdata.panel.layout import INDEX, Index, width_for
from tradectl.marketdata.panel.lock import alone
from tradectl.marketdata.panel.rows import Derivation, NoRoom
from tradectl.marketdata.panel.stored import UNSOUND, StoredPanel
from tradectl.marketdata.panel.writing import Unpublished, forget, new_edition, write_facts, write_rows
from tradectl.marketdata.reading import Generation, goes_on_from, newest_generation, read_archive
from tradectl.marketdata.reference_data import ReferenceData
from tradectl.marketdata.schema import ARCHIVE

if TYPE_CHECKING:
    from tradectl.marketdata.archive import Archive

_SESSIONS = """SELECT session, generation FROM session_changes AS changes
    WHERE EXISTS (SELECT 1 FROM bars WHERE bars.session = changes.session) ORDER BY session"""
Sessions = Sequence[tuple[str, int]]
"""Each session with bars, and the last generation that changed one of them; oldest first."""


def open_panel(folder: Path) -> StoredPanel:
    """Return the panel store of the archive's present generation. A stale or damaged store is updated first.

    Raises DataError without an archive, DatabaseError if a file cannot be read or written."""
    try:
        return StoredPanel(folder, _generation(folder))
    except UNSOUND:
        pass
    with alone(folder), closing(read_archive(folder)) as archive:
        archive.execute("BEGIN")  # all following reads see one state of the archive
        with _complaints(folder):
            generation = newest_generation(archive)
        try:
            return StoredPanel(folder, generation)  # another process updated the store during the wait
        except UNSOUND:
            pass
        with _complaints(folder):
            derive(folder, archive).publish()
            return StoredPanel(folder, generation)


def renew(folder: Path) -> None:
    """Derive the panel store again. Open readers keep the old one.

    Raises DataError without an archive, DatabaseError if a file cannot be read or written."""
    with _complaints(folder):
        (folder / INDEX).unlink(missing_ok=True)
    open_panel(folder)


@contextmanager
def derived_with(archive: Archive) -> Iterator[None]:
    """Run a block in a transaction of the archive, and update the panel store with it.

    If the store cannot be written, for example on a full disk, the transaction is rolled back. The store is published right
    after the commit. If the process dies in between, the next reader updates the store. Raises DatabaseError.
    """
    unpublished, committed = None, False
    with alone(archive.folder):
        before = archive.generation()
        try:
            with archive.transaction():
                yield
                if archive.generation() != before:
                    unpublished = derive(archive.folder, archive.db.conn)
            committed = True
        finally:
            if unpublished is not None and not committed:
                unpublished.drop()
        if unpublished is not None:
            with _complaints(archive.folder):
                unpublished.publish()


def derive(folder: Path, archive: sqlite3.Connection) -> Unpublished:
    """Write the panel store for the state that a connection reads, and return it unpublished.

    The caller holds the lock of the folder. Raises DatabaseError, and DataError for bars that cannot be stored."""
    with _complaints(folder):
        facts, sessions = ReferenceData.of(archive), archive.execute(_SESSIONS).fetchall()
        stored = _stored(folder)
        if stored is not None and _goes_on(stored, archive, facts, sessions):
            try:
                return _written(folder, Derivation(facts, stored.index.width, stored), archive, sessions, stored)
            except NoRoom:
                pass
        width = width_for(archive.execute("SELECT count(*) FROM (SELECT DISTINCT symbol FROM bars)").fetchone()[0])
        while True:
            try:
                return _written(folder, Derivation(facts, width), archive, sessions)
            except NoRoom:  # one symbol may have been used by several instruments
                width = width_for(width)


def _goes_on(stored: StoredPanel, archive: sqlite3.Connection, facts: ReferenceData, sessions: Sessions) -> bool:
    """Return whether a new derivation would give exactly the stored rows."""
    index, same = stored.index, sessions[: len(stored)]
    return (
        goes_on_from(archive, index.archive)
        and [date.fromisoformat(session).toordinal() for session, _ in same] == stored.records["session"].tolist()
        and all(generation <= index.generation for _, generation in same)
        and stored.facts.names == facts.names
        and not (same and _moved(stored, facts, date.fromisoformat(same[-1][0])))
    )


def _moved(stored: StoredPanel, facts: ReferenceData, through: date) -> bool:
    """Return whether the new reference data give a stored instrument other multipliers up to a session."""

    def path(known: ReferenceData, owner: str) -> list[object]:
        days = moving(known.actions(owner, through=through))
        return [(ex_date, action.kind, action.ratio) for ex_date, of_day in days for action in of_day]

    def told(known: ReferenceData, owner: str) -> tuple[object, ...]:
        return known.subjects.get(owner), known.decisions.get(owner)

    others = [owner for owner in stored.index.instruments if told(stored.facts, owner) != told(facts, owner)]
    return any(path(stored.facts, owner) != path(facts, owner) for owner in others)


def _written(
    folder: Path, derivation: Derivation, archive: sqlite3.Connection, sessions: Sessions, before: StoredPanel | None = None
) -> Unpublished:
    """Write the missing rows of the store `before`, or all rows of a new edition if it is None.

    A failure deletes a new edition."""
    generation = newest_generation(archive)
    edition = before.path if before else new_edition(folder, generation.number)
    after, crc = (before.index.sessions, before.index.rows_crc) if before else (0, 0)
    facts = f"facts-{generation.number}.json"
    try:
        rows = derivation.rows(archive, [session for session, _ in sessions[after:]])
        count, crc = write_rows(edition, rows, after=after, crc=crc)
        facts_crc = write_facts(edition, facts, derivation.facts.to_json())
        index = Index(
            edition=edition.name,
            generation=generation.number,
            mark=generation.mark,
            sessions=count,
            width=derivation.width,
            instruments=derivation.instruments,
            rows_crc=crc,
            facts=facts,
            facts_crc=facts_crc,
        )
        return Unpublished.of(folder, index, is_new=before is None)
    except BaseException:
        if before is None:
            forget(edition)
        else:
            (edition / facts).unlink(missing_ok=True)
        raise


def _stored(folder: Path) -> StoredPanel | None:
    """Return the published store of any generation; None without one or if it is damaged."""
    try:
        return StoredPanel(folder)
    except UNSOUND:
        return None


def _generation(folder: Path) -> Generation:
    with closing(read_archive(folder)) as archive, _complaints(folder):
        return newest_generation(archive)


@contextmanager
def _complaints(folder: Path) -> Iterator[None]:
    """Convert errors of SQLite and of the disk to DatabaseError with one line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseError(f"{folder / ARCHIVE}: {error}") from error
    except OSError as error:
        raise DatabaseError(f"{folder / INDEX}: cannot be written ({error.strerror or error})") from error
