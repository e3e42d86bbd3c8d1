"""`data`: import and fetch market data, list and check what there is, and the operator's own calendar."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.group import Group, ListGroup
from tradectl.cli.options import RESEARCH, parse_day, parse_time
from tradectl.cli.progress import bar
from tradectl.clock import SystemClock
from tradectl.errors import DataError, UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.exchange.timetables import PhaseRow

app = typer.Typer(
    name="data",
    rich_help_panel=RESEARCH,
    cls=Group,
    help="Market data: import, fetch, list, check, sessions.",
    no_args_is_help=True,
)
sessions = typer.Typer(cls=ListGroup, help="The operator's own calendar: dates added to the session table or changed in it.")
app.add_typer(sessions, name="sessions")


@command(app, "import")
def import_(
    call: Call,
    files: Annotated[list[Path], typer.Argument(help="CSV files (also .gz, .zip), or folders of them.", metavar="FILE...")],
    replace: Annotated[bool, typer.Option("--replace", help="Let rows take the place of stored ones that differ.")] = False,
    believe_content: Annotated[
        bool, typer.Option("--believe-content", help="Take a bhavcopy whose name says another date than it holds.")
    ] = False,
) -> Answer:
    """Import bars, bhavcopies, minutes, lists, instruments, symbol changes and corporate actions; all files or none."""
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.imports import import_files

    settings = call.told()
    for path in files:
        if not path.exists():
            raise UsageError(f"there is no file {path}")
    calendar = SessionTable.load(settings.sessions)
    with bar("reading", quiet=call.quiet or call.as_json) as tell:
        report = import_files(
            files,
            Archive(settings.market),
            calendar,
            at=SystemClock().machine_now(),
            replace=replace,
            believe_content=believe_content,
            progress=tell,
        )
    found = [
        {"file": item.name, "kind": item.kind, "rows": item.rows, **asdict(item.merged), "skipped": dict(item.skipped)}
        for item in report.files
    ]
    return Answer({"files": found, "changed": report.changed, "generation": report.generation}, lambda: _imported(found))


def _imported(found: list[dict[str, Any]]) -> str:
    rows = [
        (item["file"], item["kind"], item["rows"], item["new"], item["same"], item["replaced"], show.inputs(item["skipped"]))
        for item in found
    ]
    return show.table(("file", "kind", ">rows", ">new", ">same", ">replaced", "skipped"), rows)


@command(app)
def fetch(
    call: Call,
    source: Annotated[
        str, typer.Option(help="nse: its daily files; yahoo, kite: chosen symbols.", metavar="nse|yahoo|kite")
    ] = "nse",
    since: Annotated[
        str, typer.Option(help="From this date; else from the session after the last stored one.", metavar="YYYY-MM-DD")
    ] = "",
    to: Annotated[str, typer.Option(help="Up to this date; else to the last session that has ended.", metavar="YYYY-MM-DD")] = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Also the gaps: sessions without bars since the first stored.")
    ] = False,
    symbols: Annotated[str, typer.Option(help="yahoo, kite: these, whether known already or not.", metavar="A,B,C")] = "",
    universe: Annotated[str, typer.Option(help="yahoo, kite: a list, a file of symbols, or `all`.", metavar="NAME")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="nse: also sessions that are stored; let the fetched rows take their place.")
    ] = False,
) -> Answer:
    """Fetch daily bars from NSE, Yahoo or Kite; what has come is kept, so an interrupted fetch goes on where it was."""
    from tradectl.cli.fetching import fetch as carried_out
    from tradectl.marketdata.fetch import Span

    span = Span(parse_day(since), parse_day(to), repair, again=replace)
    return carried_out(call, source, span, symbols=symbols, universe=universe)


@command(app, "list")
def listing(call: Call) -> Answer:
    """What there is: bars, sessions, lists, actions, minutes, instrument dumps."""
    from tradectl.marketdata.inventory import describe

    found = asdict(describe(call.told().market))
    found["dumps"], found["underlyings"] = list(found["dumps"]), list(found["underlyings"])
    return Answer(found, lambda: _listed(found))


def _listed(found: dict[str, Any]) -> str:
    lists = ", ".join(f"{name} {size}" for name, size in found["lists"].items()) or "none"
    dumps = ", ".join(f"{item['source']} {item['dated']} ({item['instruments']})" for item in found["dumps"]) or "none"
    lots = (f"{item['source']} {item['dated']} ({item['instruments']})" for item in found["underlyings"][-3:])
    underlyings = ", ".join(lots) or "none"
    span = f", {found['first_session']} to {found['last_session']}" if found["bars"] else ""
    lines = [
        f"bars      {found['bars']} of {found['symbols']} symbols on {found['sessions']} sessions{span}",
        f"          {found['provisional_bars']} of them provisional",
        f"minutes   {found['minute_days']} days of {found['minute_symbols']} symbols",
        f"lists     {lists}",
        f"listed    {found['securities']} securities, {found['renames']} renames, {found['actions']} corporate actions",
        f"dumps     {dumps}",
        f"F&O lists {underlyings}",
        f"panel     {_panel(found['panel'])}",
    ]
    return "\n".join(lines)


def _panel(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not there; made when it is next needed"
    stale = "" if found["current"] else "; behind the archive, carried on when it is next needed"
    what = f"{found['sessions']} sessions of {found['instruments']} instruments, {found['free_columns']} columns free"
    return f"{what}, {found['bars']} bars in {found['bytes'] / 1e6:.1f} MB{stale}"


@command(app)
def check(
    call: Call,
    universe: Annotated[str, typer.Option(help="A list, a file of symbols, or A,B,C.", metavar="NAME")] = "all",
    indicators: Annotated[
        bool, typer.Option("--indicators/--no-indicators", help="Compare RSI and EMA with `ta`, bit for bit, on every symbol.")
    ] = True,
    repair: Annotated[bool, typer.Option("--repair", help="Derive the panel store anew where a row of it is damaged.")] = False,
) -> Answer:
    """Look for gaps, duplicates, impossible bars and unexplained jumps; exit 8 if the data is wrong."""
    from tradectl.bootstrap import open_store
    from tradectl.marketdata.check import check as checked
    from tradectl.marketdata.panel.deriving import renew

    store = open_store(call.told())
    if repair and store.damaged():
        renew(store.folder)
        store = open_store(call.told())
    found = checked(store, universe, indicators=indicators)
    findings = [asdict(item) | {"examples": list(item.examples)} for item in found]
    wrong = [item["kind"] for item in findings if item["severity"] == "error" and item["count"]]
    rows = [
        (item["severity"], item["count"], item["kind"], "; ".join(item["examples"][:3])) for item in findings if item["count"]
    ]
    columns = ("severity", ">count", "finding", "such as")
    return Answer(
        findings,
        lambda: "\n\n".join(
            part for part in (show.table(columns, rows, empty="Nothing to complain about."), _in_order(findings)) if part
        ),
        outcome="failed" if wrong else "completed",
        exit_code=DataError.exit_code if wrong else 0,
        error=f"the data is wrong: {', '.join(wrong)}" if wrong else None,
    )


def _in_order(findings: list[dict[str, Any]]) -> str:
    """What was looked for and not found."""
    return "\n".join(f"none: {item['kind']}" for item in findings if not item["count"])


@command(sessions, "list")
def list_overrides(call: Call) -> Answer:
    """The dates that this installation's own calendar adds or changes."""
    from tradectl.exchange.overrides import read_overrides

    overrides = read_overrides(call.told().sessions)
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
        {"days": days, "years": years, "phases": phases}, lambda: show.table(columns, rows, empty="No date was added or changed.")
    )


def _phase(row: PhaseRow) -> dict[str, Any]:
    """A phase as JSON values."""
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
    call: Call,
    on: Annotated[str, typer.Option(help="Of this date; else of today.", metavar="YYYY-MM-DD")] = "",
    every: Annotated[bool, typer.Option("--all", help="Of every date on which a timetable begins.")] = False,
) -> Answer:
    """The phases of an ordinary session, with their source; `!` marks a source that was only quoted."""
    settings = call.told()
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
    return Answer({"phases": phases}, lambda: show.table(columns, rows))


@command(sessions, "phase")
def add_phases(
    call: Call,
    since: Annotated[str, typer.Argument(help="From this date on.", metavar="YYYY-MM-DD")],
    phases: Annotated[
        list[str],
        typer.Argument(
            help="PHASE=HH:MM-HH:MM; ~HH:MM behind it where it may end from then; PHASE= removes it.", metavar="PHASE=TIMES..."
        ),
    ],
    stocks: Annotated[
        str, typer.Option(help="Which stocks: all, closing_auction, others.", metavar="all|closing_auction|others")
    ] = "all",
    name: Annotated[str, typer.Option(help="Where it was announced.", metavar="TEXT")] = "",
) -> Answer:
    """Change phases of every ordinary session from a date on; several together, where one alone would leave a gap."""
    from tradectl.exchange.overrides import write_phases
    from tradectl.exchange.timetables import Stocks, read_phase

    day = parse_day(since)
    if day is None:
        raise UsageError("name a date")
    if stocks not in set(Stocks):
        raise UsageError(f"stocks are one of {', '.join(Stocks)}; not {stocks!r}")
    found = [read_phase(text, day, Stocks(stocks), name) for text in phases]
    write_phases(call.told().sessions, found)
    return Answer({"phases": [_phase(row) for row in found]}, f"{len(found)} phases are changed from {day} on")


def _clock(at: Any) -> str | None:
    return None if at is None else at.isoformat("minutes")


@command(sessions, "add")
def add_override(
    call: Call,
    date: Annotated[str, typer.Argument(help="The date; a whole year with --kind covered.", metavar="YYYY-MM-DD|YYYY")],
    kind: Annotated[str, typer.Option(help="closed, normal, unsettled, muhurat, drill; covered for a year.", metavar="KIND")],
    name: Annotated[str, typer.Option(help="What it is, or where it was announced.", metavar="TEXT")] = "",
    opens: Annotated[str, typer.Option("--open", help="When continuous trading begins.", metavar="HH:MM")] = "",
    closes: Annotated[str, typer.Option("--close", help="When it ends.", metavar="HH:MM")] = "",
    runs: Annotated[
        bool | None, typer.Option("--runs/--no-runs", help="Whether the tool works on it; usual: on normal ones.")
    ] = None,
) -> Answer:
    """Add a date to the session table, or say otherwise of one; with --kind covered, that a year is complete."""
    from tradectl.exchange.overrides import RUN_BY_DEFAULT, Override, OverrideKind, cover_year, write_override

    path = call.told().sessions
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
    SessionTable.load(path)
    return Answer({"date": date, "kind": kind, "runs": works}, f"{date} is {kind} now")


@command(sessions, "remove")
def remove_override_(call: Call, date: Annotated[str, typer.Argument(help="The date.", metavar="YYYY-MM-DD")]) -> Answer:
    """Take a date out of this installation's calendar again, and the phases that begin on it."""
    from tradectl.exchange.overrides import remove_override, remove_phases

    day, path = parse_day(date), call.told().sessions
    if day is None or not any([remove_override(path, day), remove_phases(path, day)]):
        raise UsageError(f"{date} is not in {call.told().sessions}")
    return Answer({"date": date}, f"{date} is again as the shipped tables say")
