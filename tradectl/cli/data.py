"""Import, fetch, list and check market data (`data`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import to_builtins
from msgspec.structs import asdict

from tradectl.cli import output
from tradectl.cli.actions import actions
from tradectl.cli.command import command
from tradectl.cli.group import Group
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_file
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.progress import bar
from tradectl.cli.sessions import sessions
from tradectl.clock import SystemClock
from tradectl.control_characters import one_line
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.exchange.tables import FIRST
from tradectl.model.moment import ist_date
from tradectl.model.surveillance import EXCLUDING, TITLES

if TYPE_CHECKING:
    pass

DERIVED = f"before {FIRST} are derived from the imported bars, not from a calendar: for research only"
app = typer.Typer(
    name="data",
    rich_help_panel=RESEARCH,
    cls=Group,
    help="Market data: import, fetch, list, check, sessions, actions.",
    no_args_is_help=True,
)
app.add_typer(sessions, name="sessions")
app.add_typer(actions, name="actions")


@command(app, "import")
def import_(
    invocation: Invocation,
    files: Annotated[list[Path], typer.Argument(help="CSV files (also .gz, .zip), or folders of them.", metavar="FILE...")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace stored rows that differ.")] = False,
    accept_content: Annotated[
        bool,
        typer.Option(
            "--accept-content",
            help="Accept a bhavcopy whose date differs from its name, and an F&O list that lacks many shares.",
        ),
    ] = False,
    derive_calendar: Annotated[
        bool,
        typer.Option(
            "--derive-calendar", help="For research: accept daily bars from before 2018; their dates count as sessions."
        ),
    ] = False,
) -> Answer:
    """Import bars, bhavcopies, minutes, lists, instruments, symbol changes and corporate actions.

    Files named on the command line are imported all or none; each file of a folder separately."""
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.imports import import_files

    settings = invocation.required_settings()
    for path in files:
        check_file(path, folder=True)
    now = SystemClock().machine_now()
    calendar = SessionTable.load(settings.sessions)
    with bar("reading", quiet=invocation.quiet or invocation.as_json) as tell:
        report = import_files(
            files,
            Archive(settings.market),
            calendar,
            at=now,
            now=max(now, settings.at or now),
            replace=replace,
            accept_content=accept_content,
            derive_calendar=derive_calendar,
            progress=tell,
        )
    found = [
        {"file": item.name, "kind": item.kind, "rows": item.rows, **asdict(item.merged), "skipped": dict(item.skipped)}
        for item in report.files
    ]
    refused = [{"file": item.name, "reason": item.reason} for item in report.refused]
    result = {
        "files": found,
        "changed": report.changed,
        "generation": report.generation,
        "refused": refused,
        "ignored": list(report.ignored),
    }
    if not refused:
        return Answer(result, lambda: _import_text(found, refused, report.ignored))
    return Answer(
        result,
        lambda: _import_text(found, refused, report.ignored),
        outcome="failed",
        exit_code=DataError.exit_code,
        error=f"{len(refused)} of {len(found) + len(refused)} files refused, the others imported; {refused[0]['reason']}",
    )


def _import_text(found: list[dict[str, Any]], refused: list[dict[str, str]], ignored: Sequence[str]) -> str:
    rows = [
        (
            item["file"],
            item["kind"],
            item["rows"],
            item["new"],
            item["same"],
            item["replaced"],
            output.inputs(item["skipped"]),
        )
        for item in found
    ]
    parts = [output.table(("file", "kind", ">rows", ">new", ">same", ">replaced", "skipped"), rows)]
    if refused:
        parts.append("\n".join(f"refused: {item['reason']}" for item in refused))
    if ignored:
        parts.append(f"not read, because of their names: {', '.join(ignored)}")
    return "\n\n".join(parts)


@command(app)
def fetch(
    invocation: Invocation,
    source: Annotated[
        str,
        typer.Option(
            help="nse: its daily files; surveillance: its lists of GSM, ESM, ASM; yahoo, kite: chosen symbols.",
            metavar="nse|surveillance|yahoo|kite",
        ),
    ] = "nse",
    since: Annotated[
        str, typer.Option(help="From this date; default: the session after the last stored one.", metavar="YYYY-MM-DD")
    ] = "",
    to: Annotated[
        str, typer.Option(help="Up to this date; default: the last session that has ended.", metavar="YYYY-MM-DD")
    ] = "",
    repair: Annotated[
        bool, typer.Option("--repair", help="Also fetch gaps since the first stored session, also those of a single symbol.")
    ] = False,
    symbols: Annotated[str, typer.Option(help="yahoo, kite: these symbols, stored before or not.", metavar="A,B,C")] = "",
    universe: Annotated[str, typer.Option(help="yahoo, kite: a list, a file of symbols, or `all`.", metavar="NAME")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="nse: also fetch stored sessions and replace their rows.")] = False,
) -> Answer:
    """Fetch daily bars, or surveillance lists. An interrupted fetch continues where it stopped."""
    from tradectl.cli.fetching import fetch as carried_out
    from tradectl.marketdata.fetch import Span

    span = Span(parse_day(since), parse_day(to), repair, again=replace)
    return carried_out(invocation, source, span, symbols=symbols, universe=universe)


@command(app, "list")
def listing(invocation: Invocation) -> Answer:
    """List the stored data: bars, sessions, lists, actions, minutes, instrument dumps."""
    from tradectl.marketdata.inventory import describe

    found = to_builtins(describe(invocation.required_settings().market))
    today = ist_date(invocation.required_settings().at or SystemClock().machine_now())
    found["surveillance"] = [item | {"age": (today - date.fromisoformat(item["dated"])).days} for item in found["surveillance"]]
    return Answer(found, lambda: _inventory_text(found))


def _inventory_text(found: dict[str, Any]) -> str:
    lists = ", ".join(f"{name} {size}" for name, size in found["lists"].items()) or "none"
    dumps = ", ".join(f"{item['source']} {item['dated']} ({item['instruments']})" for item in found["dumps"]) or "none"
    lots = (f"{item['source']} {item['dated']} ({item['instruments']})" for item in found["underlyings"][-3:])
    underlyings = ", ".join(lots) or "none"
    span = f", {found['first_session']} to {found['last_session']}" if found["bars"] else ""
    lines = [
        f"bars      {found['bars']} of {found['symbols']} symbols on {found['sessions']} sessions{span}",
        f"          {found['provisional_bars']} of them provisional",
        *([f"          {found['derived_sessions']} sessions {DERIVED}"] if found["derived_sessions"] else []),
        f"minutes   {found['minute_days']} days of {found['minute_symbols']} symbols",
        f"lists     {lists}",
        f"listed    {found['securities']} securities, {found['renames']} renames, {found['actions']} corporate actions",
        f"dumps     {dumps}",
        f"F&O lists {underlyings}",
        f"watched   {_surveillance_text(found['surveillance'])}",
        f"panel     {_panel(found['panel'])}",
    ]
    return "\n".join(lines)


def _surveillance_text(found: list[dict[str, Any]]) -> str:
    """Return the newest surveillance list of each measure with its age, and the excluding measures without one."""
    titles = {measure.value: title for measure, title in TITLES.items()}
    known = [
        f"{titles[item['measure']]} {item['dated']} ({item['securities']} securities, {item['age']} days old)" for item in found
    ]
    missing = [TITLES[measure] for measure in EXCLUDING if measure.value not in {item["measure"] for item in found}]
    return ", ".join(known + ([f"no list of {', '.join(missing)}"] if missing else []))


def _panel(found: dict[str, Any] | None) -> str:
    if found is None:
        return "missing; derived at the next use"
    stale = "" if found["current"] else "; older than the archive, extended at the next use"
    what = f"{found['sessions']} sessions of {found['instruments']} instruments, {found['free_columns']} columns free"
    return f"{what}, {found['bars']} bars in {found['bytes'] / 1e6:.1f} MB{stale}"


@command(app)
def check(
    invocation: Invocation,
    universe: Annotated[str, typer.Option(help="A list, a file of symbols, or A,B,C.", metavar="NAME")] = "all",
    indicators: Annotated[
        bool, typer.Option("--indicators/--no-indicators", help="Compare RSI and EMA with `ta`, bit for bit, on every symbol.")
    ] = True,
    repair: Annotated[bool, typer.Option("--repair", help="Derive the panel again if a row of it is damaged.")] = False,
) -> Answer:
    """Check for gaps, duplicates, impossible bars and unexplained jumps; exit 8 if the data is wrong."""
    from tradectl.bootstrap import open_store
    from tradectl.marketdata.check import check as checked
    from tradectl.marketdata.panel.refresh import renew

    store = open_store(invocation.required_settings())
    if repair and store.damaged():
        renew(store.folder)
        store = open_store(invocation.required_settings())
    found = checked(store, universe, indicators=indicators)
    findings = [asdict(item) | {"examples": list(item.examples)} for item in found]
    wrong = [item["kind"] for item in findings if item["severity"] == "error" and item["count"]]
    rows = [
        (item["severity"], item["count"], item["kind"], "; ".join(map(_short, item["examples"][:3])))
        for item in findings
        if item["count"]
    ]
    columns = ("severity", ">count", "finding", "such as")
    return Answer(
        findings,
        lambda: "\n\n".join(
            part
            for part in (
                output.table(columns, rows, empty="No problem found."),
                _decisions_text(findings),
                _passed_checks(findings),
            )
            if part
        ),
        outcome="failed" if wrong else "completed",
        exit_code=DataError.exit_code if wrong else 0,
        error=f"the data is wrong: {', '.join(wrong)}" if wrong else None,
    )


def _short(example: str) -> str:
    """Return an example without its explanation, which is printed below the table."""
    return example.split(":", maxsplit=1)[0]


def _decisions_text(findings: list[dict[str, Any]]) -> str:
    """Return one line for each symbol that needs a decision."""
    from tradectl.marketdata.check import CORRECTED, LACKING, QUESTIONS

    lines = []
    for item in findings:
        if item["kind"] in {CORRECTED, LACKING, *QUESTIONS} and item["count"]:
            lines += [f"{item['kind']}:", *(f"  {example}" for example in item["examples"])]
    if any(item["kind"] in QUESTIONS and item["count"] for item in findings):
        lines.append(
            "A symbol is not bought from the ex-date of an unknown action on, nor for 600 bars after a jump. "
            "`tradectl data actions set` or `ignore` decides."
        )
    return "\n".join(map(one_line, lines))


def _passed_checks(findings: list[dict[str, Any]]) -> str:
    """Return the checks that found nothing."""
    return "\n".join(f"none: {item['kind']}" for item in findings if not item["count"])
