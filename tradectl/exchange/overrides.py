"""Read and write the operator's calendar file: what the exchange announced after the release of this package.

The CSV file has the columns `date,kind,open,close,runs,name`, and with phases also `stocks,may_end_from`. Three kinds of rows:

    2027,covered,,,,NSE/CMTR/... of 2026-12-10     all of 2027's dates are known; its other rows are below
    2027-01-26,closed,,,,Republic Day              closed | normal | unsettled | muhurat | drill
    2027-02-08,closing_matching,15:40,15:42,,NSE/CMTR/...,closing_auction,     a phase of every ordinary session from that date on

A dated row replaces the entry of the shipped tables for that date. `open` and `close` (HH:MM, IST) belong to muhurat and
drill, and to a normal session with unusual hours. A muhurat session has none until the exchange announces them. `runs` (yes,
no) sets whether the tasks run on that date. The default is yes for normal and unsettled (a session on which nothing settles),
no for the others. A phase row replaces that phase for its `stocks` (all, closing_auction, others); without times it removes
the phase. `timetables` checks the order, gaps and overlaps of the result. One wrong row rejects the whole file, because a
calendar with missing rows would give wrong sessions.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import ConfigurationError
from tradectl.exchange.phases import PhaseKind
from tradectl.exchange.tables import LAST
from tradectl.exchange.timetables import PhaseRow, Stocks, Timetables
from tradectl.files import NotText, replace_file, saved_text

COLUMNS = ("date", "kind", "open", "close", "runs", "name")
PHASE_COLUMNS = (*COLUMNS, "stocks", "may_end_from")
_PHASES = set(PhaseKind)
_RUNS = {"yes": True, "no": False}
FEWEST = 5
"""The fewest weekday holidays of a complete list (2018 to 2026 have 12 to 17)."""
_SATURDAY = 5


class OverrideKind(StrEnum):
    """Name the kinds of date in the operator's file."""

    CLOSED = "closed"
    NORMAL = "normal"
    UNSETTLED = "unsettled"
    """A normal session on which nothing settles, because the banks are closed."""
    MUHURAT = "muhurat"
    DRILL = "drill"  # a session in which the exchange tests its disaster recovery site


RUN_BY_DEFAULT = {OverrideKind.NORMAL, OverrideKind.UNSETTLED}
"""The kinds of session on which the tasks run if the column `runs` is empty."""


class Override(Struct, frozen=True):
    """Hold the operator's entry for one date. `open` and `close` are in IST; either both are set or neither is."""

    date: date
    kind: OverrideKind
    open: time | None = None
    close: time | None = None
    runs: bool = False
    name: str = ""


class Overrides(Struct, frozen=True):
    """Hold a whole file: dated rows, covered years with the reason of each, and phases of ordinary sessions."""

    days: Mapping[date, Override] = {}
    years: Mapping[int, str] = {}
    phases: tuple[PhaseRow, ...] = ()

    def last_year(self, path: Path | None) -> int:
        """Return the last year of which every day is known.

        Raises:
            ConfigurationError: A year before a covered year is not covered.
        """
        last = LAST.year
        for year in sorted(year for year in self.years if year > LAST.year):
            if year != last + 1:
                raise ConfigurationError(
                    f"{path}: {year} is covered but {last + 1} is not, so its sessions are not known. "
                    f"`tradectl data sessions remove {year}` removes the row; a list of {last + 1} closes the gap"
                )
            last = year
        return last


def read_overrides(path: Path) -> Overrides:
    """Return the file's content, empty if there is no file. Raises ConfigurationError with file and line for a wrong row."""
    if not path.exists():
        return Overrides()
    days: dict[date, Override] = {}
    years: dict[int, str] = {}
    phases: list[PhaseRow] = []
    try:
        reader = csv.DictReader(io.StringIO(saved_text(path.read_bytes())), strict=True)
        columns = tuple(reader.fieldnames or ())
        if columns not in {COLUMNS, PHASE_COLUMNS}:
            raise ConfigurationError(f"{path}: the first line must be {','.join(COLUMNS)}, with phases {','.join(PHASE_COLUMNS)}")
        for row in reader:
            where = f"{path} line {reader.line_num}"
            if None in row or None in row.values():
                raise ConfigurationError(f"{where}: the row does not have {len(columns)} columns")
            cells = {"stocks": "", "may_end_from": ""} | {name: text.strip() for name, text in row.items()}
            if re.fullmatch(r"\d{4}", cells["date"]):
                year = _year(cells, where)
                _check_unique(year in years, where, cells["date"])
                years[year] = cells["name"]
            elif cells["kind"] in _PHASES:
                phase = _phase(cells, where)
                _check_unique(
                    any(map(phase.conflicts_with, phases)), where, f"{phase.kind} of {phase.stocks} stocks from {phase.since}"
                )
                phases.append(phase)
            else:
                override = _override(cells, where)
                _check_unique(override.date in days, where, cells["date"])
                days[override.date] = override
    except (OSError, NotText, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read as a calendar: {error}") from error
    if phases:
        Timetables(phases)
    return Overrides(days, years, tuple(phases))


def write_override(path: Path, override: Override) -> None:
    """Add or replace one date, atomically. Raises ConfigurationError if the override or the present file is not valid."""
    _check(override, str(override.date))
    present = read_overrides(path)
    changed = replace(present, days={**present.days, override.date: override})
    changed.last_year(path)
    _write(path, changed)


def cover_year(path: Path, year: int, reason: str) -> None:
    """Declare that every closed date and special session of `year` is in the file, atomically.

    Raises:
        ConfigurationError: The reason is empty, the year does not follow the last known year, or too few of its weekdays
            are closed.
    """
    if not reason.strip():
        raise ConfigurationError(f"{year}: name the source of the year's holidays")
    if year <= LAST.year:
        raise ConfigurationError(f"{year}: the shipped tables cover every day up to {LAST}: no row is needed")
    present = read_overrides(path)
    changed = replace(present, years={**present.years, year: reason})
    changed.last_year(path)
    closed = sum(_is_closed_weekday(override, year) for override in present.days.values())
    if closed < FEWEST:
        raise ConfigurationError(
            f"{path}: the file has {closed} closed weekdays of {year}, and a year has at least {FEWEST}: {year} is not covered. "
            f"Add each holiday first (`tradectl data sessions add {year}-01-26 --kind closed`), or fill the year with "
            "`tradectl data sessions fetch`"
        )
    _write(path, changed)


def uncover_year(path: Path, year: int) -> bool:
    """Remove the row that declares a year covered, atomically; the year's dates stay. Return False if there was no such row.

    Raises:
        ConfigurationError: A later year is covered, which would then follow a year that is not.
    """
    present = read_overrides(path)
    if year not in present.years:
        return False
    if year > LAST.year and (last := max(present.years)) > year:
        raise ConfigurationError(f"{path}: {last} is covered too and needs {year} before it: remove {last} first")
    _write(path, replace(present, years={y: reason for y, reason in present.years.items() if y != year}))
    return True


def write_days(path: Path, overrides: Iterable[Override], year: int | None, reason: str) -> None:
    """Add or replace dates and declare `year` covered, in one atomic write. None declares no year.

    Raises:
        ConfigurationError: A date or the present file is not valid, or the year does not follow the last known year.
    """
    present, days = read_overrides(path), {override.date: override for override in overrides}
    for override in days.values():
        _check(override, str(override.date))
    years = present.years if year is None else {**present.years, year: reason}
    changed = replace(present, days={**present.days, **days}, years=years)
    changed.last_year(path)
    _write(path, changed)


def write_phases(path: Path, phases: Sequence[PhaseRow]) -> None:
    """Add or replace phases, atomically. Raises ConfigurationError if the resulting timetables are not valid."""
    present = read_overrides(path)
    kept = tuple(old for old in present.phases if not any(map(old.conflicts_with, phases)))
    changed = (*kept, *phases)
    Timetables(changed)
    _write(path, replace(present, phases=changed))


def remove_phases(path: Path, since: date) -> bool:
    """Remove the phases that begin on one date, atomically. Return False if there were none.

    Raises:
        ConfigurationError: The timetables would not be valid without them.
    """
    present = read_overrides(path)
    kept = tuple(row for row in present.phases if row.since != since)
    if len(kept) == len(present.phases):
        return False
    Timetables(kept)
    _write(path, replace(present, phases=kept))
    return True


def remove_override(path: Path, day: date) -> bool:
    """Remove one date, atomically. Return False if the file did not have it."""
    present = read_overrides(path)
    if day not in present.days:
        return False
    _write(path, replace(present, days={d: o for d, o in present.days.items() if d != day}))
    return True


def _year(cells: Mapping[str, str], where: str) -> int:
    if cells["kind"] != "covered" or any(cells[name] for name in ("open", "close", "runs", "stocks", "may_end_from")):
        raise ConfigurationError(f"{where}: the row of a year is YYYY,covered,,,,SOURCE")
    return int(cells["date"])


def _phase(cells: Mapping[str, str], where: str) -> PhaseRow:
    """Return a phase of ordinary sessions from one row. Raises ConfigurationError if this row itself is wrong."""
    if cells["runs"]:
        raise ConfigurationError(f"{where}: runs: must be empty for a phase")
    times: dict[str, time | None] = {}
    for column in ("open", "close", "may_end_from"):
        try:
            times[column] = _time(cells[column])
        except ValueError as error:
            raise ConfigurationError(f"{where}: {column}: {error}") from error
    try:
        since = date.fromisoformat(cells["date"])
    except ValueError as error:
        raise ConfigurationError(f"{where}: date: {error}") from error
    if cells["stocks"] not in {"", *Stocks}:
        raise ConfigurationError(f"{where}: stocks must be one of {', '.join(Stocks)}, not {cells['stocks']!r}")
    stocks = Stocks(cells["stocks"] or Stocks.ALL)
    kind = PhaseKind(cells["kind"])
    row = PhaseRow(since, stocks, kind, times["open"], times["close"], times["may_end_from"], cells["name"], where)
    row.check()
    return row


def _override(cells: Mapping[str, str], where: str) -> Override:
    if cells["stocks"] or cells["may_end_from"]:
        raise ConfigurationError(f"{where}: stocks and may_end_from belong to phases")
    try:
        day = date.fromisoformat(cells["date"])
        kind = OverrideKind(cells["kind"])
        opens, closes = _time(cells["open"]), _time(cells["close"])
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    if cells["runs"] not in {"", *_RUNS}:
        raise ConfigurationError(f"{where}: runs must be yes or no, not {cells['runs']!r}")
    runs = _RUNS[cells["runs"]] if cells["runs"] else kind in RUN_BY_DEFAULT
    override = Override(day, kind, opens, closes, runs, cells["name"])
    _check(override, where)
    return override


def _time(text: str) -> time | None:
    if text and not re.fullmatch(r"\d\d:\d\d", text):
        raise ValueError(f"{text!r} is not a time HH:MM")
    return time.fromisoformat(text) if text else None


def _check(override: Override, where: str) -> None:
    """Check one dated row, at reading and at writing. Raises ConfigurationError."""
    opens, closes, kind = override.open, override.close, override.kind
    if (opens is None) != (closes is None):
        raise ConfigurationError(f"{where}: open and close are given together or not at all")
    if opens is not None and closes is not None and (opens.tzinfo or closes.tzinfo or opens >= closes):
        raise ConfigurationError(f"{where}: open must be before close, both HH:MM in IST")
    if kind is OverrideKind.DRILL and opens is None:
        raise ConfigurationError(f"{where}: a {kind} session needs open and close")
    if kind is OverrideKind.MUHURAT and opens is None and override.runs:
        raise ConfigurationError(f"{where}: a {kind} session runs only where open and close are known")
    if kind is OverrideKind.CLOSED and (opens is not None or override.runs):
        raise ConfigurationError(f"{where}: a closed date has no hours and does not run")


def _is_closed_weekday(override: Override, year: int) -> bool:
    day = override.date
    return day.year == year and override.kind is OverrideKind.CLOSED and day.weekday() < _SATURDAY


def _check_unique(seen: bool, where: str, what: str) -> None:
    if seen:
        raise ConfigurationError(f"{where}: {what} occurs twice")


def _write(path: Path, overrides: Overrides) -> None:
    """Replace the calendar file. Raises ConfigurationError where it cannot be written."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    more = ["", ""] if overrides.phases else []
    writer.writerow(PHASE_COLUMNS if overrides.phases else COLUMNS)
    for year, reason in sorted(overrides.years.items()):
        writer.writerow([year, "covered", "", "", "", reason, *more])
    for day, override in sorted(overrides.days.items()):
        hours = [t.isoformat("minutes") if t else "" for t in (override.open, override.close)]
        runs = "" if override.kind is OverrideKind.CLOSED else "yes" if override.runs else "no"
        writer.writerow([day.isoformat(), override.kind.value, *hours, runs, override.name, *more])
    for row in sorted(overrides.phases, key=lambda row: (row.since, row.stocks, row.start or time.max, row.kind)):
        start, end, early = (at.isoformat("minutes") if at else "" for at in (row.start, row.end, row.may_end_from))
        writer.writerow([row.since.isoformat(), row.kind.value, start, end, "", row.source, row.stocks.value, early])
    try:
        replace_file(path, text.getvalue().encode(), durable=True, parents=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
