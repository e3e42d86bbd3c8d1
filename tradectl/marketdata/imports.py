"""Import files: parse and check all of them first, then write them in one transaction.

If a file that the user named is bad, nothing is written. A bad file of a folder is reported, and the other files are written.
If the disk has no room for the rows or for the panel derived from them, the archive stays unchanged. Files are written in order
of format and name, independent of the order of the arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

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
from tradectl.model.freshness import BARS
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable

ENDINGS = {".csv", ".gz", ".json", ".zip", ".txt", ".tsv"}
"""Extensions of the files that are read from a folder."""
Progress = Callable[[str, int, int], None]
"""Called with the file's name, the number of finished files, and the number of all files."""


class FileReport(Struct, frozen=True):
    """Report the import of one file. `rows`: parsed rows; `skipped`: number of rows left out on purpose, by reason."""

    name: str
    kind: str
    table: str
    rows: int
    merged: Merged
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def unchanged(self) -> bool:
        return not self.merged.changed


class Fetched(Struct, frozen=True):
    """The date up to which a fetched file completes each kind of data, and the site that it came from."""

    dates: tuple[tuple[str, date], ...]
    source: str


class RefusedFile(Struct, frozen=True):
    """Report a rejected file of a folder. `reason`: one line that names the file."""

    name: str
    reason: str


class ImportReport(Struct, frozen=True):
    """Report one import.

    Attributes:
        files: One report per imported file, in the order of writing.
        generation: Generation of the archive afterwards.
        refused: Rejected files of folders.
        ignored: Names in folders that do not have one of ENDINGS, and subfolders.
    """

    files: tuple[FileReport, ...]
    changed: bool
    generation: int
    refused: tuple[RefusedFile, ...] = ()
    ignored: tuple[str, ...] = ()


class _CheckedFile(Struct, frozen=True):
    """Hold a parsed and checked file. `alone`: as in `_InputFile`."""

    source: SourceFile
    kind: str
    parsed: Parsed
    alone: bool


class _InputFile(Struct, frozen=True):
    """Name a file to import. `alone`: the file comes from a folder, and its rejection does not affect other files."""

    path: Path
    alone: bool


class _Rules(Struct, frozen=True):
    """Hold the session table, the clock's time and the user's options for checks of dates."""

    sessions: SessionTable
    accept_content: bool
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
    accept_content: bool = False,
    derive_calendar: bool = False,
    progress: Progress | None = None,
    fetched: Fetched | None = None,
) -> ImportReport:
    """Import files and the files of folders into the archive, and update the panel store if anything changed.

    Args:
        paths: Files and folders.
        archive: The archive, open for writing.
        sessions: The session table. Dates that are not sessions are rejected.
        at: Time of the import, stored with each file.
        now: Sessions after this time are rejected; None means `at`.
        replace: Overwrite stored rows that differ.
        accept_content: Accept a bhavcopy with another date than its name, and a list that lost many shares.
        derive_calendar: Accept daily bars from before the session table.
        progress: Called for each file.
        fetched: The dates up to which fetched files complete the data; None to take the dates inside the files.

    Raises DataError or DatabaseError; then nothing was written.
    """
    tell = progress or _silent
    files, ignored = _expanded(paths)
    ready, refused, complaints = _check_all(files, _Rules(sessions, accept_content, derive_calendar, now or at), tell)
    if complaints or not ready:
        complaints = complaints or [item.reason for item in refused]
        more = f" (and {len(complaints) - 1} more bad files; nothing was imported)" if len(complaints) > 1 else ""
        raise DataError(complaints[0] + more)
    reports: list[FileReport] = []
    with derived_with(archive):
        for item in sorted(ready, key=lambda item: (_rank(item.kind), item.source.name, item.source.sha256)):
            try:
                with archive.transaction():
                    if item.parsed.table == "underlyings" and not accept_content:
                        _refuse_losses(archive, item)
                    if item.parsed.table == "surveillance" and not accept_content:
                        _refuse_lost_entries(archive, item)
                    reports.append(_write(archive, item, replace, at))
                    claims = coverage_dates(item.source, item.parsed, ist_date(now or at)) if fetched is None else fetched.dates
                    for kind, claimed in claims:
                        as_of = archive.last_full_session(claimed) if kind == BARS else claimed
                        if as_of is not None:
                            origin = item.source.name if fetched is None else fetched.source
                            archive.record_freshness(kind, as_of, at, origin)
            except DataError as error:
                if not item.alone:
                    raise
                refused.append(RefusedFile(item.source.name, str(error)))
        if any(report.merged.changed and report.table in DERIVED_FROM for report in reports):
            archive.count_change()
    changed = any(report.merged.changed for report in reports)
    return ImportReport(tuple(reports), changed, archive.generation(), tuple(refused), ignored)


def _silent(_name: str, _done: int, _total: int) -> None:
    """Do nothing; used if no progress function is passed."""


def _expanded(paths: Iterable[Path]) -> tuple[list[_InputFile], tuple[str, ...]]:
    """Return the named files and the data files directly inside folders, and the names of ignored entries of folders.

    Raises DataError for a folder without data files."""
    files: dict[Path, _InputFile] = {}
    ignored: list[str] = []
    for path in paths:
        if not path.is_dir():
            files[path.absolute()] = _InputFile(path, alone=False)
            continue
        try:
            inside = [item for item in sorted(path.iterdir()) if not item.name.startswith(".")]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
        taken = [item for item in inside if not item.is_dir() and item.suffix.lower() in ENDINGS]
        if not taken:
            raise DataError(f"{path}: has no data file such as a CSV file")
        ignored += [f"{item.name}/" if item.is_dir() else item.name for item in inside if item not in taken]
        for item in taken:
            files.setdefault(item.absolute(), _InputFile(item, alone=True))
    if not files:
        raise DataError("no file to import")
    return list(files.values()), tuple(ignored)


def _check_all(
    files: Sequence[_InputFile], rules: _Rules, tell: Progress
) -> tuple[list[_CheckedFile], list[RefusedFile], list[str]]:
    """Parse and check files. Return the valid files, the rejected files of folders, and one message per bad named file."""
    ready, refused, complaints = [], [], []
    for done, file in enumerate(files):
        name = file.path.name
        tell(name, done, len(files))
        try:
            ready.append(_check_one(file, rules))
        except DataError as error:
            if file.alone:
                refused.append(RefusedFile(name, str(error)))
            else:
                complaints.append(str(error))
    tell("", len(files), len(files))
    return ready, refused, complaints


def _check_one(file: _InputFile, rules: _Rules) -> _CheckedFile:
    source = read_source(file.path)
    importer = importer_for(source)
    parsed = importer.parse(source)
    if importer.KIND.startswith("bhavcopy"):
        _admit(source, parsed, rules.sessions, rules.accept_content, ist_date(rules.now))
    _refuse_false_dates(source, parsed, rules)
    _refuse_future(source, parsed, rules)
    if parsed.table == "minutes":
        parsed = of_sessions(source, parsed, rules.sessions)
    return _CheckedFile(source, importer.KIND, parsed, file.alone)


def _refuse_future(source: SourceFile, parsed: Parsed, rules: _Rules) -> None:
    """Raise DataError for a session in the future, and for a final bar of a session that has not ended."""
    today = ist_date(rules.now)
    if parsed.table not in {"bars", "minutes"} or str(parsed.frame["session"].max()) < today.isoformat():
        return
    ahead = np.array(parsed.frame["session"] > today.isoformat())
    if ahead.any():
        at = int(np.argmax(ahead))
        raise source.bad(int(parsed.frame.index[at]), f"{parsed.frame['session'].iloc[at]} is in the future (today is {today})")
    session = rules.sessions.session(today) if parsed.table == "bars" else None
    if session is None or rules.now >= session.last_fill_at():
        return
    final = np.array((parsed.frame["session"] == today.isoformat()) & (parsed.frame["provisional"] == 0))
    if final.any():
        at = int(np.argmax(final))
        symbol = parsed.frame["symbol"].iloc[at]
        raise source.bad(
            int(parsed.frame.index[at]),
            f"the session of {today} has not ended, so this bar of {symbol} is not final: set its column provisional to 1",
        )


def _admit(source: SourceFile, parsed: Parsed, sessions: SessionTable, accept_content: bool, today: date) -> None:
    """Add the date of a bhavcopy to the session table if the table does not cover its year.

    NSE publishes bhavcopies only for sessions."""
    day = date.fromisoformat(str(parsed.frame["session"].iloc[0]))
    claimed = date_in_name(source)
    if (
        day <= today
        and day not in sessions.provisional
        and sessions.candidate(day)
        and (accept_content or claimed in {None, day})
    ):
        sessions.admit(day, f"NSE's bhavcopy {source.name}")


def _refuse_false_dates(source: SourceFile, parsed: Parsed, rules: _Rules) -> None:
    """Raise DataError for a date that is not a session, or that differs from the date in a bhavcopy's name."""
    if "session" not in parsed.frame.columns:
        return
    held = sorted(parsed.frame["session"].unique())
    claimed = date_in_name(source)
    sessions = rules.sessions
    if claimed is not None and not rules.accept_content and held != [claimed.isoformat()]:
        raise DataError(f"{source.name}: has the date {held[0]}, not {claimed} as in its name; --accept-content imports it")
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
            raise source.bad(row, f"{text} is not a session of the exchange ({sessions.why_closed(day)})")


def _refuse_losses(archive: Archive, item: _CheckedFile) -> None:
    """Raise DataError for a list of shares with derivatives that lacks many shares of the previous stored list."""
    frame = item.parsed.frame
    before = archive.db.execute("SELECT max(dated) FROM underlyings WHERE dated < ?", (frame["dated"].min(),)).fetchone()[0]
    if before is not None:
        rows = archive.db.execute("SELECT DISTINCT symbol FROM underlyings WHERE dated = ?", (before,)).fetchall()
        underlyings.refuse_losses(item.source.name, set(frame["symbol"]), {str(row[0]) for row in rows}, str(before))


def _refuse_lost_entries(archive: Archive, item: _CheckedFile) -> None:
    """Raise DataError for a surveillance list that lacks many entries of the previous stored list of its measure."""
    newest = "SELECT max(dated) FROM surveillance WHERE measure = ? AND dated < ?"
    for (dated, measure), own in item.parsed.frame.groupby(["dated", "measure"]):
        before = archive.db.execute(newest, [str(measure), str(dated)]).fetchone()[0]
        if before is not None:
            query = "SELECT symbol FROM surveillance WHERE measure = ? AND dated = ? AND symbol != ''"
            known = {str(row[0]) for row in archive.db.execute(query, [str(measure), before]).fetchall()}
            surveillance.refuse_losses(item.source.name, set(own["symbol"]), known, str(measure), str(before))


def _write(archive: Archive, item: _CheckedFile, replace: bool, at: datetime) -> FileReport:
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
