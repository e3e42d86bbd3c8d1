"""Import files: parse and check all of them first, then write them in one transaction.

Named files are written all or none: one bad file leaves the archive unchanged. Each file of a folder is imported on its own: a
rejected one is reported, and the others are written. A disk without room for the rows, or for the panel derived from them, leaves
the archive unchanged. Files are imported by kind and name, independent of the order of the arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.archive import Archive, Merged
from tradectl.marketdata.coverage_dates import coverage_dates
from tradectl.marketdata.derived_calendar import refuse_underivable
from tradectl.marketdata.importers import surveillance, underlyings
from tradectl.marketdata.importers.bhavcopy import date_in_name
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.registry import IMPORTERS, importer_for
from tradectl.marketdata.importers.source import SourceFile, read_source
from tradectl.marketdata.panel.refresh import derived_with
from tradectl.marketdata.schema import DERIVED_FROM
from tradectl.marketdata.session_minutes import of_sessions, refuse_other_prices
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable

ENDINGS = {".csv", ".gz", ".json", ".zip", ".txt", ".tsv"}
"""Endings of the files that are read from a folder."""
Progress = Callable[[str, int, int], None]
"""Called with the file's name, the number of finished files, and the number of all files."""


@dataclass(frozen=True)
class FileReport:
    """The result of one file. `skipped` counts rows left out on purpose, by reason."""

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
class Fetched:
    """What a fetched file completes: kinds of data, each with its as-of date, and the site that it came from."""

    dates: tuple[tuple[str, date], ...]
    source: str


@dataclass(frozen=True)
class RefusedFile:
    """A rejected file of a folder; `reason` is one line that names it."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """One report a file, in the order they were taken; `generation` of the archive afterwards. `refused` and `ignored` are files
    of folders: the ones that were not taken, and the ones whose names do not end like a file of data."""

    files: tuple[FileReport, ...]
    changed: bool
    generation: int
    refused: tuple[RefusedFile, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Ready:
    source: SourceFile
    kind: str
    parsed: Parsed
    alone: bool


@dataclass(frozen=True)
class _Given:
    """A file to import; `alone`: it comes from a folder, and its rejection does not affect the others."""

    path: Path
    alone: bool


@dataclass(frozen=True)
class _Rules:
    """What dates are compared with."""

    sessions: SessionTable
    believe_content: bool
    derive_calendar: bool
    now: datetime


def import_files(
    paths: Iterable[Path],
    archive: Archive,
    sessions: SessionTable,
    *,
    at: datetime,
    now: datetime | None = None,
    replace: bool = False,
    believe_content: bool = False,
    derive_calendar: bool = False,
    progress: Progress | None = None,
    fetched: Fetched | None = None,
) -> ImportReport:
    """Import files and the files of folders into the archive, and update the panel store if anything changed.

    `at` is stored with each file. Sessions later than `now` (else `at`) are rejected. `replace` overwrites stored rows that
    differ. `believe_content` accepts a bhavcopy with another date than its name, and a list of shares with derivatives that lost
    many. `derive_calendar` accepts daily bars from before the session table. `fetched`: what a fetched file completes; None for
    the dates that a file has inside. Raises DataError or DatabaseError if nothing was written.
    """
    tell = progress or _silent
    files, ignored = _expanded(paths)
    ready, refused, complaints = _judged(files, _Rules(sessions, believe_content, derive_calendar, now or at), tell)
    if complaints or not ready:
        complaints = complaints or [item.reason for item in refused]
        more = f" (and {len(complaints) - 1} more bad files; nothing was imported)" if len(complaints) > 1 else ""
        raise DataError(complaints[0] + more)
    reports: list[FileReport] = []
    with derived_with(archive):
        for item in sorted(ready, key=lambda item: (_rank(item.kind), item.source.name, item.source.sha256)):
            try:
                with archive.transaction():
                    if item.parsed.table == "underlyings" and not believe_content:
                        _refuse_losses(archive, item)
                    if item.parsed.table == "surveillance" and not believe_content:
                        _refuse_lost_entries(archive, item)
                    reports.append(_write(archive, item, replace, at))
                    claims = coverage_dates(item.source, item.parsed, ist_date(now or at)) if fetched is None else fetched.dates
                    for kind, as_of in claims:
                        archive.record_freshness(kind, as_of, at, item.source.name if fetched is None else fetched.source)
            except DataError as error:
                if not item.alone:
                    raise
                refused.append(RefusedFile(item.source.name, str(error)))
        if any(report.merged.changed and report.table in DERIVED_FROM for report in reports):
            archive.count_change()
    changed = any(report.merged.changed for report in reports)
    return ImportReport(tuple(reports), changed, archive.generation(), tuple(refused), ignored)


def _silent(_name: str, _done: int, _total: int) -> None:
    """Ignore progress."""


def _expanded(paths: Iterable[Path]) -> tuple[list[_Given], tuple[str, ...]]:
    """Return the files themselves and, of a folder, what lies directly in it and ends like a file of data; and the names of
    the rest."""
    files: dict[Path, _Given] = {}
    ignored: list[str] = []
    for path in paths:
        if not path.is_dir():
            files[path.absolute()] = _Given(path, alone=False)
            continue
        try:
            inside = [item for item in sorted(path.iterdir()) if not item.name.startswith(".")]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
        taken = [item for item in inside if not item.is_dir() and item.suffix.lower() in ENDINGS]
        if not taken:
            raise DataError(f"{path}: holds no CSV file")
        ignored += [f"{item.name}/" if item.is_dir() else item.name for item in inside if item not in taken]
        for item in taken:
            files.setdefault(item.absolute(), _Given(item, alone=True))
    if not files:
        raise DataError("no file to import")
    return list(files.values()), tuple(ignored)


def _judged(files: Sequence[_Given], rules: _Rules, tell: Progress) -> tuple[list[_Ready], list[RefusedFile], list[str]]:
    """Return the files that may be written, those of folders that may not, and what is wrong with files that were named."""
    ready, refused, complaints = [], [], []
    for done, given in enumerate(files):
        name = given.path.name
        tell(name, done, len(files))
        try:
            ready.append(_judged_one(given, rules))
        except DataError as error:
            if given.alone:
                refused.append(RefusedFile(name, str(error)))
            else:
                complaints.append(str(error))
    tell("", len(files), len(files))
    return ready, refused, complaints


def _judged_one(given: _Given, rules: _Rules) -> _Ready:
    source = read_source(given.path)
    importer = importer_for(source)
    parsed = importer.parse(source)
    if importer.KIND.startswith("bhavcopy"):
        _admit(source, parsed, rules.sessions, rules.believe_content, ist_date(rules.now))
    _refuse_false_dates(source, parsed, rules)
    _refuse_future(source, parsed, rules)
    if parsed.table == "minutes":
        parsed = of_sessions(source, parsed, rules.sessions)
    return _Ready(source, importer.KIND, parsed, given.alone)


def _refuse_future(source: SourceFile, parsed: Parsed, rules: _Rules) -> None:
    """Raise DataError for a session that is still to come, and for a final bar of one that has not ended."""
    today = ist_date(rules.now)
    if parsed.table not in {"bars", "minutes"} or str(parsed.frame["session"].max()) < today.isoformat():
        return
    ahead = np.array(parsed.frame["session"] > today.isoformat())
    if ahead.any():
        at = int(np.argmax(ahead))
        raise source.bad(int(parsed.frame.index[at]), f"{parsed.frame['session'].iloc[at]} is still to come (today is {today})")
    session = rules.sessions.session(today) if parsed.table == "bars" else None
    if session is None or rules.now >= session.last_fill_at():
        return
    final = np.array((parsed.frame["session"] == today.isoformat()) & (parsed.frame["provisional"] == 0))
    if final.any():
        at = int(np.argmax(final))
        symbol = parsed.frame["symbol"].iloc[at]
        raise source.bad(
            int(parsed.frame.index[at]),
            f"the session of {today} has not ended, so this bar of {symbol} is not final (column provisional: 1)",
        )


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


def _refuse_false_dates(source: SourceFile, parsed: Parsed, rules: _Rules) -> None:
    """Raise DataError for a date that is no session, or that is not the one in a bhavcopy's name."""
    if "session" not in parsed.frame.columns:
        return
    held = sorted(parsed.frame["session"].unique())
    claimed = date_in_name(source)
    sessions = rules.sessions
    if claimed is not None and not rules.believe_content and held != [claimed.isoformat()]:
        raise DataError(f"{source.name}: holds {held[0]}, not {claimed} as in its name; --believe-content imports it")
    for text in held:
        day = date.fromisoformat(text)
        if day < sessions.first and parsed.table == "bars":
            refuse_underivable(source, parsed, day, sessions.first, rules.derive_calendar)
            continue
        try:
            session = sessions.session(day)
        except DataError as error:
            raise DataError(f"{source.name}: {error}") from error
        if session is None:
            row = int(parsed.frame.index[parsed.frame["session"] == text][0])
            raise source.bad(row, f"{text} is no session of the exchange ({sessions.why_closed(day)})")


def _refuse_losses(archive: Archive, item: _Ready) -> None:
    """Raise DataError for a list of shares with derivatives that lacks many of the newest list before it."""
    frame = item.parsed.frame
    before = archive.db.execute("SELECT max(dated) FROM underlyings WHERE dated < ?", (frame["dated"].min(),)).fetchone()[0]
    if before is not None:
        rows = archive.db.execute("SELECT DISTINCT symbol FROM underlyings WHERE dated = ?", (before,)).fetchall()
        underlyings.refuse_losses(item.source.name, set(frame["symbol"]), {str(row[0]) for row in rows}, str(before))


def _refuse_lost_entries(archive: Archive, item: _Ready) -> None:
    """Raise DataError for a surveillance list that lacks many entries of the newest list of its measure before it."""
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
    if parsed.table == "minutes":
        refuse_other_prices(archive.db.conn, item.source, parsed)
    merged = archive.merge(parsed.table, parsed.frame, file_id, replace=replace, source=name)
    return FileReport(name, item.kind, parsed.table, rows, merged, parsed.skipped)


def _rank(kind: str) -> int:
    return [importer.KIND for importer in IMPORTERS].index(kind)
