"""Write a report of a period: a page with charts in one file, or Markdown, CSV, JSON, XLSX or a picture (`report`)."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation, rounded
from tradectl.cli.options import LOOK, parse_day
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradectl.report_page.content import Content
    from tradectl.report_page.figures import Figures
    from tradectl.report_page.ledger_reading import Period
    from tradectl.world import World

app = typer.Typer()
FORMATS = ("html", "md", "json", "csv", "xlsx", "png")
TO_SCREEN = frozenset({"md", "json", "csv"})
"""The formats that go to stdout without `--out`."""
YEAR, TWO_NUMBERS = re.compile(r"\d{4}"), re.compile(r"(\d{4})-(\d{2})")

Session = Annotated[str, typer.Option("--session", help="One session; default: the last.", metavar="YYYY-MM-DD")]
Month = Annotated[str, typer.Option("--month", help="One month.", metavar="YYYY-MM")]
Year = Annotated[str, typer.Option("--year", help="A year, or a financial year (April to March).", metavar="YYYY|YYYY-YY")]
From = Annotated[str, typer.Option("--from", help="First date.", metavar="YYYY-MM-DD")]
To = Annotated[str, typer.Option("--to", help="Last date.", metavar="YYYY-MM-DD")]
Simulation = Annotated[
    Path | None, typer.Option("--simulation", help="Of the simulation in this folder (`simulate --keep`).", metavar="FOLDER")
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="html: a page; md, json, csv, xlsx; png: a small picture. Default: what --out ends with, else html.",
        metavar="html|md|json|csv|xlsx|png",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="Write this file; default: in the home's reports.", metavar="FILE")]
Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


@command(app, panel=LOOK)
def report(
    invocation: Invocation,
    session: Session = "",
    month: Month = "",
    year: Year = "",
    first: From = "",
    last: To = "",
    simulation: Simulation = None,
    form: Format = "",
    out: Out = None,
    open_page: Open = False,
) -> Answer:
    """Write a report of a session, month, year or span as one page that opens offline, or as text.

    The page has equity and drawdown, results by month and day, each trade as candles with its target, skipped buys with their
    reasons, and on top what needs you. Without a period: the last session; of a simulation: all of it.
    """
    from tradectl.bootstrap.reports import report_name

    form = form or (format_of(out) if out is not None else "html")
    if form not in FORMATS:
        raise UsageError(f"a format is one of {', '.join(FORMATS)}; not {form!r}")
    if open_page and form != "html":
        raise UsageError("--open needs the format html")
    given = dates_of(session, month, year, first, last)
    world = world_of(invocation, simulation)
    try:
        content = content_for(world, given, whole=simulation is not None)
    finally:
        if simulation is not None:
            world.close()
    folder = simulation or invocation.required_settings().reports
    file = out or (folder / f"{report_name(content)}.{form}" if form not in TO_SCREEN else None)
    return written(content, form, file, open_page=open_page)


def content_for(world: World, given: tuple[date, date, str] | None, *, whole: bool = False) -> Content:
    """Return the content of the report of a period, with what the same money would have earned elsewhere."""
    from tradectl.report_page.complete import ledger_report

    period = period_of(world, given, whole=whole)
    return ledger_report(world, period, benchmarks=benchmarks_of(world, period))


def world_of(invocation: Invocation, simulation: Path | None) -> World:
    """Return the world of the home, or of a stored simulation. Raises UsageError if the folder has none."""
    from tradectl import bootstrap

    if simulation is None:
        return invocation.world(read_only=True)
    if not (simulation / "ledger.db").is_file():
        raise UsageError(f"{simulation} has no simulation; `tradectl simulate --keep {simulation}` makes one")
    world = bootstrap.reopen_simulation(invocation.required_settings(), simulation)
    invocation.user, invocation.mode = world.user, world.mode
    return world


def dates_of(session: str, month: str, year: str, first: str, last: str) -> tuple[date, date, str] | None:
    """Return the first and last date of the options, and the title; None without an option.

    Raises UsageError for a text that is no period, or for two of them.
    """
    given = [name for name, text in (("--session", session), ("--month", month), ("--year", year)) if text]
    given += ["--from"] if first or last else []
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)}: choose one period")
    day = parse_day(session)
    if day is not None:
        return day, day, f"{day:%A, %d %B %Y}"
    if month:
        return month_dates(month)
    if year:
        return year_dates(year)
    if not given:
        return None
    start, end = parse_day(first) or date.min, parse_day(last) or date.max
    if end < start:
        raise UsageError(f"--to {last} is before --from {first}")
    return start, end, ""


def month_dates(text: str) -> tuple[date, date, str]:
    """Return the dates of a month such as `2023-07`. Raises UsageError."""
    import calendar

    found = TWO_NUMBERS.fullmatch(text)
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) == 0:
        raise UsageError(f"{text!r} is not a month: write YYYY-MM")
    year, month = int(found[1]), int(found[2])
    start = date(year, month, 1)
    return start, date(year, month, calendar.monthrange(year, month)[1]), f"{start:%B %Y}"


def year_dates(text: str) -> tuple[date, date, str]:
    """Return the dates of a calendar year `2023` or of a financial year `2023-24`. Raises UsageError."""
    financial = TWO_NUMBERS.fullmatch(text)
    if financial is not None and int(financial[1]) > 0 and (int(financial[1]) + 1) % 100 == int(financial[2]):
        begins = int(financial[1])
        return date(begins, 4, 1), date(begins + 1, 3, 31), f"Financial year {text}"
    if YEAR.fullmatch(text) is None or int(text) == 0:
        raise UsageError(f"{text!r} is not a year: write YYYY, or YYYY-YY for April to March")
    return date(int(text), 1, 1), date(int(text), 12, 31), f"Year {text}"


def period_of(world: World, given: tuple[date, date, str] | None, *, whole: bool) -> Period:
    """Return the period of a report within the known sessions of the ledger.

    Args:
        given: First, last and title of the options.
        whole: Without options, take all sessions instead of the last one.
    """
    from tradectl.model.moment import ist_date
    from tradectl.report_page.ledger_reading import Period

    days = [row.session_date for row in world.ledger.statistics.all()]
    today = ist_date(world.clock.now())
    if given is None:
        end = days[-1] if days else today
        start = days[0] if days and whole else end
        return Period(start, end, f"{end:%A, %d %B %Y}" if start == end else f"Simulation, {start} to {end}")
    start, end, title = given
    start, end = max(start, days[0]) if days and start == date.min else start, today if end == date.max else end
    start = end if start == date.min else start
    return Period(start, end, title or f"{start} to {end}")


def benchmarks_of(world: World, period: Period) -> dict[str, list[float]]:
    """Return what the equity would have become by buying and holding the universe, and its index, in paise by name.

    Empty for fewer than two sessions, and where the bars or the lists are not stored.
    """
    from tradectl.errors import DatabaseError, DataError
    from tradectl.research.backtests import index_of
    from tradectl.research.benchmark import buy_and_hold

    sessions = [row.session_date for row in world.ledger.statistics.all() if period.first <= row.session_date <= period.last]
    if len(sessions) < 2:
        return {}
    earlier = world.ledger.statistics.before(sessions[0])
    capital = earlier.equity if earlier is not None else world.ledger.users.get(world.user).capital
    name = world.parameters.universe
    try:
        market = world.market
        found = [(market.history(item), market.actions(item, sessions[0], sessions[-1])) for item in market.universe(name)]
        index = index_of(market, name, sessions)
    except (DataError, DatabaseError, UsageError):
        return {}
    hold = buy_and_hold([(history, actions) for history, actions in found if history is not None], sessions, capital)
    of_index = buy_and_hold([(index[1], ())], sessions, capital) if index is not None else None
    named = {f"Buy and hold {name}": hold, index[0] if index is not None else "": of_index}
    return {title: held.worth.tolist() for title, held in named.items() if held is not None}


def written(content: Content, form: str, file: Path | None, *, open_page: bool = False) -> Answer:
    """Write a report to `file`, or to stdout without one. Raises ConfigurationError if the file cannot be written."""
    from tradectl.bootstrap.reports import write_report
    from tradectl.report_page.figures import figures_of
    from tradectl.report_page.plain import result_of

    figures = figures_of(content)
    found = {"file": None, "bytes": None, **result_of(content, figures)}
    if file is None:
        return Answer(found, lambda: content_in(content, figures, form).decode().rstrip("\n"))
    found |= {"file": str(file.absolute()), "bytes": write_report(file, content_in(content, figures, form))}
    opened = "" if not open_page else open_in_browser(file)
    return Answer(found, lambda: "\n".join(filter(None, (summary(found), f"report: {found['file']}", opened))))


def format_of(file: Path, formats: Sequence[str] = FORMATS) -> str:
    """Return the format that the ending of a file names: a page without an ending. Raises UsageError for another ending."""
    ending = file.suffix.removeprefix(".").lower()
    if ending in {"", "htm"}:
        return "html"
    if ending not in formats:
        raise UsageError(f"{file}: a report is one of .{', .'.join(formats)}, not .{ending}")
    return ending


def content_in(content: Content, figures: Figures, form: str) -> bytes:
    """Return a report in a format. Raises ConfigurationError if the package that writes it is not installed."""
    import json

    from tradectl.report_page.page import render
    from tradectl.report_page.picture import draw
    from tradectl.report_page.plain import csv_of, markdown_of, result_of
    from tradectl.report_page.workbook import workbook_of

    if form == "png":
        return draw(content)
    if form == "xlsx":
        return workbook_of(content, figures)
    if form == "html":
        return render(content).encode()
    if form == "json":
        return f"{json.dumps(rounded(result_of(content, figures)), ensure_ascii=False, indent=1)}\n".encode()
    return (markdown_of(content, figures) if form == "md" else csv_of(content)).encode()


def open_in_browser(file: Path) -> str:
    """Open a page in the user's browser; return a line if there is none."""
    import webbrowser

    return "" if webbrowser.open(file.absolute().as_uri()) else "no browser was found; open the file by hand"


def summary(found: dict[str, Any]) -> str:
    """Return a report as lines for a terminal, with the equity as a sparkline."""
    from tradectl.model.money import to_paise, to_rupees
    from tradectl.report_page.plain import months_line, sparkline

    equity, curve = to_paise(found["before"]), []
    for day in found["days"]:
        equity += to_paise(day["result"])
        curve.append(float(equity))
    figures, wins = found["figures"], sum(not row["net"].startswith("-") for row in found["trades"])
    lines = [f"{item['title']}: {item['text']}" for item in found["alerts"]]
    charges = to_rupees(to_paise(found["gross"]) - to_paise(found["net"]))
    lines += [
        found["title"],
        f"result {output.rupees(found['result'])}{_percent(figures['growth'])}, equity {output.rupees(found['equity'])}",
        f"{_count(len(found['trades']), 'trade')} closed, {wins} with a gain; net {output.rupees(found['net'])} after charges "
        f"{output.rupees(charges)}; {_count(len(found['held']), 'lot')} held; {_count(found['skipped'], 'buy')} skipped",
    ]
    if len(curve) > 1:
        drawdown = f"largest drawdown {100 * figures['drawdown']:.2f} %" if figures["drawdown"] is not None else ""
        lines += [f"equity {sparkline(curve)}", drawdown, f"months {months_line(found['months'])}"]
    return "\n".join(filter(None, lines))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _percent(growth: float | None) -> str:
    return f" ({100 * growth:+.2f} %)" if growth is not None else ""
