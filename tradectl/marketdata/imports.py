"""Importing files: read and judge all of them first, then write them all in one transaction, or none.

A bad file among good ones therefore leaves the archive as it was, and so does a disk that is too full for the rows or for the
panel derived from them. Files are taken by kind and name, in whatever order they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.archive import Archive, Merged
from tradectl.marketdata.importers import surveillance, underlyings
from tradectl.marketdata.importers.bhavcopy import date_in_name
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.registry import IMPORTERS, importer_for
from tradectl.marketdata.importers.source import SourceFile, read_source
from tradectl.marketdata.panel.deriving import derived_with
from tradectl.marketdata.schema import DERIVED_FROM
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable

Progress = Callable[[str, int, int], None]
"""Told the file's name, how many files are done, and how many there are."""


@dataclass(frozen=True)
class FileReport:
    """What became of one file. `skipped` counts rows left out on purpose, by reason."""

    name: str
    kind: str
    table: str
    rows: int
    merged: Merged
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def unchanged(self) -> bool:
        return not self.merged.changed


@dataclass(frozen=True)
class ImportReport:
    """One report a file, in the order they were taken; `generation` of the archive afterwards."""

    files: tuple[FileReport, ...]
    changed: bool
    generation: int


@dataclass(frozen=True)
class _Ready:
    source: SourceFile
    kind: str
    parsed: Parsed


def import_files(
    paths: Iterable[Path],
    archive: Archive,
    sessions: SessionTable,
    *,
    at: datetime,
    replace: bool = False,
    believe_content: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import files and the files of folders into the archive, and carry the panel store on if anything changed.

    `at` is noted beside each file. `replace` lets rows take the place of stored ones that say otherwise; `believe_content`
    takes a bhavcopy whose name says another date than it holds, and a list of shares with derivatives that lost many. DataError
    or DatabaseError: nothing was written.
    """
    tell = progress or _silent
    files = _expanded(paths)
    ready, complaints = _judged(files, sessions, believe_content, tell, ist_date(at))
    if complaints:
        more = f" (and {len(complaints) - 1} more bad files; nothing was imported)" if len(complaints) > 1 else ""
        raise DataError(complaints[0] + more)
    reports: list[FileReport] = []
    with derived_with(archive):
        for item in sorted(ready, key=lambda item: (_rank(item.kind), item.source.name, item.source.sha256)):
            if item.parsed.table == "underlyings" and not believe_content:
                _refuse_losses(archive, item)
            if item.parsed.table == "surveillance" and not believe_content:
                _refuse_lost_entries(archive, item)
            reports.append(_write(archive, item, replace, at))
        if any(report.merged.changed and report.table in DERIVED_FROM for report in reports):
            archive.count_change()
        if any(report.merged.changed and report.table != "bars" for report in reports):
            archive.note_knowledge()
    changed = any(report.merged.changed for report in reports)
    return ImportReport(tuple(reports), changed, archive.generation())


def _silent(_name: str, _done: int, _total: int) -> None:
    """Nobody is looking."""


def _expanded(paths: Iterable[Path]) -> list[Path]:
    """The files themselves; of a folder, the CSV, gzip and zip files directly in it."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                p for p in path.iterdir() if p.is_file() and p.suffix.lower() in {".csv", ".gz", ".json", ".zip", ".txt"}
            )
            if not inside:
                raise DataError(f"{path}: holds no CSV file")
            files += inside
        else:
            files.append(path)
    if not files:
        raise DataError("no file to import")
    return list(dict.fromkeys(path.absolute() for path in files))


def _judged(
    files: Sequence[Path], sessions: SessionTable, believe_content: bool, tell: Progress, today: date
) -> tuple[list[_Ready], list[str]]:
    ready, complaints = [], []
    for done, path in enumerate(files):
        tell(path.name, done, len(files))
        try:
            source = read_source(path)
            importer = importer_for(source)
            parsed = importer.parse(source)
            if importer.KIND.startswith("bhavcopy"):
                _admit(source, parsed, sessions, believe_content, today)
            _refuse_false_dates(source, parsed, sessions, believe_content)
        except DataError as error:
            complaints.append(str(error))
        else:
            ready.append(_Ready(source, importer.KIND, parsed))
    tell("", len(files), len(files))
    return ready, complaints


def _admit(source: SourceFile, parsed: Parsed, sessions: SessionTable, believe_content: bool, today: date) -> None:
    """Take the date of a bhavcopy beyond the listed years for a session: NSE makes a file of trades only of those."""
    day = date.fromisoformat(str(parsed.frame["session"].iloc[0]))
    claimed = date_in_name(source)
    if (
        day <= today
        and day not in sessions.provisional
        and sessions.candidate(day)
        and (believe_content or claimed in {None, day})
    ):
        sessions.admit(day, f"NSE's bhavcopy {source.name}")


def _refuse_false_dates(source: SourceFile, parsed: Parsed, sessions: SessionTable, believe_content: bool) -> None:
    """DataError for a date that is no session, or that is not the one in a bhavcopy's name."""
    if "session" not in parsed.frame.columns:
        return
    held = sorted(parsed.frame["session"].unique())
    claimed = date_in_name(source)
    if claimed is not None and not believe_content and held != [claimed.isoformat()]:
        raise DataError(
            f"{source.name}: holds {held[0]}, not {claimed} as its name says; --believe-content takes it all the same"
        )
    for text in held:
        day = date.fromisoformat(text)
        try:
            session = sessions.session(day)
        except DataError as error:
            raise DataError(f"{source.name}: {error}") from error
        if session is None:
            row = int(parsed.frame.index[parsed.frame["session"] == text][0])
            raise source.bad(row, f"{text} is no session of the exchange ({sessions.why_closed(day)})")


def _refuse_losses(archive: Archive, item: _Ready) -> None:
    """DataError for a list of shares with derivatives that lacks many of the newest list before it."""
    frame = item.parsed.frame
    before = archive.db.execute("SELECT max(dated) FROM underlyings WHERE dated < ?", (frame["dated"].min(),)).fetchone()[0]
    if before is not None:
        rows = archive.db.execute("SELECT DISTINCT symbol FROM underlyings WHERE dated = ?", (before,)).fetchall()
        underlyings.refuse_losses(item.source.name, set(frame["symbol"]), {str(row[0]) for row in rows}, str(before))


def _refuse_lost_entries(archive: Archive, item: _Ready) -> None:
    """DataError for a surveillance list that lacks many entries of the newest list of its measure before it."""
    newest = "SELECT max(dated) FROM surveillance WHERE measure = ? AND dated < ?"
    for (dated, measure), own in item.parsed.frame.groupby(["dated", "measure"]):
        before = archive.db.execute(newest, [str(measure), str(dated)]).fetchone()[0]
        if before is not None:
            query = "SELECT symbol FROM surveillance WHERE measure = ? AND dated = ? AND symbol != ''"
            known = {str(row[0]) for row in archive.db.execute(query, [str(measure), before]).fetchall()}
            surveillance.refuse_losses(item.source.name, set(own["symbol"]), known, str(measure), str(before))


def _write(archive: Archive, item: _Ready, replace: bool, at: datetime) -> FileReport:
    name, parsed = item.source.name, item.parsed
    rows = len(parsed.frame)
    if not parsed.table:
        return FileReport(name, item.kind, parsed.table, rows, Merged(same=rows), parsed.skipped)
    file_id = archive.record_file(name, item.source.sha256, item.kind, rows, at)
    merged = archive.merge(parsed.table, parsed.frame, file_id, replace=replace, source=name)
    return FileReport(name, item.kind, parsed.table, rows, merged, parsed.skipped)


def _rank(kind: str) -> int:
    return [importer.KIND for importer in IMPORTERS].index(kind)
