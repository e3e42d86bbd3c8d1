"""Refresh the panel store to the generation of the archive: extend it where that is proved right, else derive it anew.

A store may be carried on when the archive was once at its generation, no bar of its sessions was touched since, the renames are
the same, and no action that moves a stored multiplier came or went. Whatever cannot be shown is derived anew.
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
from tradectl.marketdata.reading import Mark, goes_on_from, mark_of, read_archive
from tradectl.marketdata.reference_data import ReferenceData
from tradectl.marketdata.schema import ARCHIVE

if TYPE_CHECKING:
    from tradectl.marketdata.archive import Archive

_SESSIONS = """SELECT session, generation FROM session_changes AS changes
    WHERE EXISTS (SELECT 1 FROM bars WHERE bars.session = changes.session) ORDER BY session"""
Sessions = Sequence[tuple[str, int]]
"""Each session with bars, and the generation that last touched them; oldest first."""


def open_panel(folder: Path) -> StoredPanel:
    """Return the store of an archive as it is now, brought up to it first if need be. Raises DataError without an archive,
    DatabaseError."""
    try:
        return StoredPanel(folder, _mark(folder))
    except UNSOUND:
        pass
    with alone(folder), closing(read_archive(folder)) as archive:
        archive.execute("BEGIN")  # one state of the archive for all that follows
        with _complaints(folder):
            mark = mark_of(archive)
        try:
            return StoredPanel(folder, mark)  # another process derived it meanwhile
        except UNSOUND:
            pass
        with _complaints(folder):
            derive(folder, archive).publish()
            return StoredPanel(folder, mark)


def renew(folder: Path) -> None:
    """Derive the store anew. Open readers keep the old one. Raises DataError without an archive, DatabaseError."""
    with _complaints(folder):
        (folder / INDEX).unlink(missing_ok=True)
    open_panel(folder)


@contextmanager
def derived_with(archive: Archive) -> Iterator[None]:
    """A transaction of the archive that is kept only where the store could be carried on to it.

    So where the disk is too full for the store, the bars are not kept either. The store follows right after the commit; a
    process that dies in between leaves that to the next one that opens it.
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
    """Return the store of what a connection sees, whole on disk and not yet published. DatabaseError, or DataError for bars that
    cannot be stored. Only for one process at a time."""
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
            except NoRoom:  # one name may have been several instruments
                width = width_for(width)


def _goes_on(stored: StoredPanel, archive: sqlite3.Connection, facts: ReferenceData, sessions: Sessions) -> bool:
    """Return whether deriving anew would give all the rows that are stored."""
    index, same = stored.index, sessions[: len(stored)]
    return (
        goes_on_from(archive, index.archive)
        and [date.fromisoformat(session).toordinal() for session, _ in same] == stored.records["session"].tolist()
        and all(generation <= index.generation for _, generation in same)
        and stored.facts.names == facts.names
        and not (same and _moved(stored, facts, date.fromisoformat(same[-1][0])))
    )


def _moved(stored: StoredPanel, facts: ReferenceData, through: date) -> bool:
    """Return whether any stored instrument has other steps up to that session than those it was derived with."""

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
    """Write the rows that are missing of a store, or all of a new edition, which goes away again where that fails."""
    mark = mark_of(archive)
    edition = before.path if before else new_edition(folder, mark.generation)
    after, crc = (before.index.sessions, before.index.rows_crc) if before else (0, 0)
    facts = f"facts-{mark.generation}.json"
    try:
        rows = derivation.rows(archive, [session for session, _ in sessions[after:]])
        count, crc = write_rows(edition, rows, after=after, crc=crc)
        facts_crc = write_facts(edition, facts, derivation.facts.to_json())
        index = Index(
            edition=edition.name,
            generation=mark.generation,
            mark=mark.random,
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
    """Return the store as it was last published, whatever generation that was; None where it is not whole."""
    try:
        return StoredPanel(folder)
    except UNSOUND:
        return None


def _mark(folder: Path) -> Mark:
    with closing(read_archive(folder)) as archive, _complaints(folder):
        return mark_of(archive)


@contextmanager
def _complaints(folder: Path) -> Iterator[None]:
    """What SQLite and the disk complain of, as DatabaseError: one line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise DatabaseError(f"{folder / ARCHIVE}: {error}") from error
    except OSError as error:
        raise DatabaseError(f"{folder / INDEX}: cannot be written ({error.strerror or error})") from error
