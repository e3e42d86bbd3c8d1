"""Maintain the operator's calendar, the phases of a session, and the holidays of a new year (`data sessions`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import parse_day, parse_time
from tradectl.clock import SystemClock
from tradectl.errors import DataError, UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from datetime import date as date_

    from tradectl.exchange.holiday_list import HolidayList
    from tradectl.exchange.timetables import PhaseRow

sessions = typer.Typer(cls=ListGroup, help="This installation's calendar: dates and phases that it adds or changes.")


@command(sessions, "list")
def list_overrides(invocation: Invocation) -> Answer:
    """List the dates that this installation's calendar adds or changes."""
    from tradectl.exchange.overrides import read_overrides

    overrides = read_overrides(invocation.required_settings().sessions)
    days = [
        {"date": day.isoformat(), "kind": str(item.kind), "runs": item.runs, "name": item.name}
        | {"open": _clock(item.open), "close": _clock(item.close)}
        for day, item in sorted(overrides.days.items())
    ]
    years = [{"year": year, "source": source} for year, source in sorted(overrides.years.items())]
    phases = [_phase(row) for row in overrides.phases]
    rows = [(item["date"], item["kind"], item["open"], item["close"], item["runs"], item["name"]) for item in days]
    rows = [(item["year"], "covered", None, None, None, item["source"]) for item in years] + rows
    rows += [
        (item["since"], f"{item['phase']} ({item['stocks']})", item["open"], item["close"], None, item["source"])
        for item in phases
    ]
    columns = ("date", "kind", "open", "close", "runs", "name")
    return Answer(
        {"days": days, "years": years, "phases": phases},
        lambda: output.table(columns, rows, empty="No date was added or changed."),
    )


def _phase(row: PhaseRow) -> dict[str, Any]:
    """Return a phase as JSON values."""
    return {
        "since": row.since.isoformat(),
        "stocks": str(row.stocks),
        "phase": str(row.kind),
        "open": _clock(row.start),
        "close": _clock(row.end),
        "may_end_from": _clock(row.may_end_from),
        "source": row.source,
        "source_seen": row.seen,
        "own": bool(row.where),
    }


@command(sessions, "phases")
def list_phases(
    invocation: Invocation,
    on: Annotated[str, typer.Option(help="On this date; default: today.", metavar="YYYY-MM-DD")] = "",
    every: Annotated[bool, typer.Option("--all", help="For every date on which a timetable begins.")] = False,
) -> Answer:
    """Show the phases of an ordinary session with their source; `!` marks a source that we know only from quotations."""
    settings = invocation.required_settings()
    timetables = SessionTable.load(settings.sessions).timetables
    day = parse_day(on) or ist_date(settings.at or SystemClock().now())
    found = [timetables.rows(start) for start in (timetables.starts if every else (day,))]
    phases = [_phase(row) | {"in_force_since": since.isoformat()} for since, rows in found for row in rows]
    rows = [
        (
            *(item[name] for name in ("in_force_since", "stocks", "phase", "open", "close", "may_end_from")),
            "" if item["source_seen"] else "!",
            f"calendar file: {item['source']}" if item["own"] else item["source"],
        )
        for item in phases
    ]
    columns = ("since", "stocks", "phase", "open", "close", "may end from", "", "source")
    return Answer({"phases": phases}, lambda: output.table(columns, rows))


@command(sessions, "phase")
def add_phases(
    invocation: Invocation,
    since: Annotated[str, typer.Argument(help="From this date on.", metavar="YYYY-MM-DD")],
    phases: Annotated[
        list[str],
        typer.Argument(
            help="PHASE=HH:MM-HH:MM; add ~HH:MM for the earliest possible end; PHASE= removes it.", metavar="PHASE=TIMES..."
        ),
    ],
    stocks: Annotated[
        str, typer.Option(help="Stocks: all, closing_auction, others.", metavar="all|closing_auction|others")
    ] = "all",
    name: Annotated[str, typer.Option(help="The announcement.", metavar="TEXT")] = "",
) -> Answer:
    """Change phases of every ordinary session from a date on; pass several if one alone would leave a gap."""
    from tradectl.exchange.overrides import write_phases
    from tradectl.exchange.timetables import Stocks, read_phase

    day = parse_day(since)
    if day is None:
        raise UsageError("name a date")
    if stocks not in set(Stocks):
        raise UsageError(f"stocks are one of {', '.join(Stocks)}; not {stocks!r}")
    found = [read_phase(text, day, Stocks(stocks), name) for text in phases]
    write_phases(invocation.required_settings().sessions, found)
    return Answer({"phases": [_phase(row) for row in found]}, f"{len(found)} phases are changed from {day} on")


def _clock(at: Any) -> str | None:
    return None if at is None else at.isoformat("minutes")


@command(sessions, "add")
def add_override(
    invocation: Invocation,
    date: Annotated[str, typer.Argument(help="The date; a whole year with --kind covered.", metavar="YYYY-MM-DD|YYYY")],
    kind: Annotated[str, typer.Option(help="closed, normal, unsettled, muhurat, drill; covered for a year.", metavar="KIND")],
    name: Annotated[str, typer.Option(help="Its name, or the announcement.", metavar="TEXT")] = "",
    opens: Annotated[str, typer.Option("--open", help="When continuous trading begins.", metavar="HH:MM")] = "",
    closes: Annotated[str, typer.Option("--close", help="When continuous trading ends.", metavar="HH:MM")] = "",
    runs: Annotated[
        bool | None, typer.Option("--runs/--no-runs", help="Whether the tasks run on it; default: on normal sessions.")
    ] = None,
) -> Answer:
    """Add or change a date of the session table; with --kind covered, mark a year as complete."""
    from tradectl.exchange.overrides import RUN_BY_DEFAULT, Override, OverrideKind, cover_year, write_override

    path = invocation.required_settings().sessions
    if kind == "covered":
        if not (date.isdecimal() and len(date) == 4):
            raise UsageError(f"a covered year is written YYYY, not {date!r}")
        cover_year(path, int(date), name)
        return Answer({"year": int(date), "kind": kind}, f"{date} is covered by this installation's calendar")
    if kind not in set(OverrideKind):
        raise UsageError(f"a kind is one of {', '.join(OverrideKind)}, covered; not {kind!r}")
    day = parse_day(date)
    if day is None:
        raise UsageError("name a date")
    works = OverrideKind(kind) in RUN_BY_DEFAULT if runs is None else runs
    start, end = (parse_time(text) if text else None for text in (opens, closes))
    write_override(path, Override(day, OverrideKind(kind), start, end, works, name))
    return Answer({"date": date, "kind": kind, "runs": works}, f"{date} is {kind} now")


@command(sessions, "remove")
def remove_override_(
    invocation: Invocation, date: Annotated[str, typer.Argument(help="The date, or a covered year.", metavar="YYYY-MM-DD|YYYY")]
) -> Answer:
    """Remove a date and the phases that begin on it from this installation's calendar, or the mark of a complete year."""
    from tradectl.exchange.overrides import remove_override, remove_phases, uncover_year

    path = invocation.required_settings().sessions
    if date.isdecimal() and len(date) == 4:
        if not uncover_year(path, int(date)):
            raise UsageError(f"{date} is not covered in {path}")
        return Answer({"date": date}, f"{date} is not covered any more: nothing is bought in it; its dates stay in the calendar")
    day = parse_day(date)
    if day is None or not any([remove_override(path, day), remove_phases(path, day)]):
        raise UsageError(f"{date} is not in {invocation.required_settings().sessions}")
    return Answer({"date": date}, f"{date} has the shipped values again")


@command(sessions, "fetch")
def fetch_year(
    invocation: Invocation,
    source: Annotated[
        str, typer.Option(help="nse: its own list; broker: that of the user's broker, for the next year.", metavar="nse|broker")
    ] = "nse",
) -> Answer:
    """Fetch NSE's list of trading holidays and add the year that it contains."""
    from tradectl.cli.fetching import broker_holidays, holiday_list

    if source == "broker":
        return _fill(invocation, *broker_holidays(invocation))
    if source != "nse":
        raise UsageError(f"a source is nse or broker; not {source!r}")
    return _fill(invocation, holiday_list(invocation.required_settings()), "NSE's holiday list, fetched")


@command(sessions, "import")
def import_year(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(help="The saved list: JSON, or CSV with date and description.", metavar="FILE")],
) -> Answer:
    """Add a year from a saved list of NSE's trading holidays: the JSON of `/api/holiday-master?type=trading`, or a CSV table."""
    from tradectl.exchange.holiday_list import read_holiday_list

    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return _fill(invocation, read_holiday_list(content, file.name), f"NSE's holiday list, {file.name}")


def _fill(invocation: Invocation, listed: HolidayList, source: str) -> Answer:
    """Write a list into the calendar file; return what it changed. Exit code 8 if the needed year is still missing."""
    from tradectl.marketdata.fetch import stored_sessions
    from tradectl.marketdata.fetch_holidays import HolidaysOutcome, take_holidays

    settings = invocation.required_settings()
    today = ist_date(settings.at or SystemClock().now())
    report = take_holidays(listed, settings.sessions, f"{source} {today}", today)
    found, traded = report.changes, stored_sessions(settings.market, final=False) if report.changes.past else set()
    result = asdict(found) | {
        "added": {day.isoformat(): name for day, name in found.added.items()},
        "muhurat": {day.isoformat(): name for day, name in found.muhurat.items()},
        "kept": [day.isoformat() for day in found.kept],
        "extra": [day.isoformat() for day in found.extra],
        "past": [day.isoformat() for day in found.past],
        "listed_through": report.listed_through.isoformat(),
    }
    lines = [f"{found.year}: {report.weekdays} closed weekdays in the list, {len(found.added)} of them new here"]
    lines += [f"  {day} {day:%a}  {name}" for day, name in found.added.items()]
    hours = "`tradectl data sessions add {0} --kind muhurat --open HH:MM --close HH:MM` once they are announced"
    lines += [f"muhurat   {day}: its hours are not known, nothing trades in it: {hours.format(day)}" for day in found.muhurat]
    lines += [f"kept      {day}: closed in NSE's list, but open in the calendar file" for day in found.kept]
    lines += [f"check     {day}: closed here, and not in NSE's list" for day in found.extra]
    lines += [f"past      {day}: closed in NSE's list, and a session here{_past(day, traded)}" for day in found.past]
    lines.append(f"every day is known to {report.listed_through}; the hours of Muhurat trading are announced separately")
    wrong = report.text if report.outcome is HolidaysOutcome.NOT_PUBLISHED else None
    return Answer(
        result,
        lambda: "\n".join(lines),
        outcome="failed" if wrong else "completed",
        exit_code=DataError.exit_code if wrong else 0,
        error=wrong,
    )


def _past(day: date_, traded: set[date_]) -> str:
    """Return the command for a past date that a list has closed; none if stored bars show that the exchange was open."""
    if day in traded:
        return ", with bars: the exchange was open"
    return f" without bars: `tradectl data sessions add {day} --kind closed`"
