"""What `data fetch` does with its words: a source is made, asked, and what came and what did not is told."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tradectl.bootstrap import open_source
from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.progress import bar
from tradectl.clock import SystemClock, VirtualClock
from tradectl.errors import DataError, UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.fetch import FetchReport, Span, stored_sessions, wanted
from tradectl.marketdata.fetch import fetch as fetched
from tradectl.runtime.interrupt import stop_on_signals

if TYPE_CHECKING:
    from datetime import date

SOURCES = ("nse", "yahoo")


def fetch(call: Call, source: str, span: Span, *, symbols: str, universe: str) -> Answer:
    """Carry out the command. With `--at` nothing is asked for that was not over then."""
    if source not in SOURCES:
        raise UsageError(f"a source is one of {', '.join(SOURCES)}; not {source!r}")
    if source == "nse" and (symbols or universe):
        raise UsageError("NSE's files hold every symbol: --symbols and --universe are for --source yahoo")
    if source == "yahoo" and span.again:
        raise UsageError("Yahoo never takes the place of a stored bar: --replace is for --source nse")
    if source == "yahoo" and bool(symbols) == bool(universe):
        raise UsageError("say which symbols: --symbols A,B,C or --universe NAME")
    settings = call.told()
    clock = VirtualClock(settings.at) if settings.at else SystemClock()
    table = SessionTable.load(settings.sessions)
    stored = stored_sessions(settings.market)
    whole = span if source == "nse" else _every_session(span)
    with stop_on_signals() as stop, bar("fetching", quiet=call.quiet or call.as_json) as tell:
        sessions = wanted(whole, stored, table, clock.now())
        gaps_only = span.repair and span.since is None
        look = stop.raise_if_asked
        opened = open_source(settings, source, clock, symbols=symbols, universe=universe, gaps_only=gaps_only, look=look)
        report = fetched(
            opened,
            sessions,
            settings.market,
            table,
            at=SystemClock().machine_now(),
            replace=span.again,
            progress=tell,
            look=look,
        )
    return _answer(report, [session.date for session in sessions])


def _every_session(span: Span) -> Span:
    """A symbol may lack a session that others have; where the dates were said, the source knows which."""
    named = span.since is not None or span.repair
    return Span(span.since, span.to, span.repair, again=named)


def _answer(report: FetchReport, sessions: list[date]) -> Answer:
    files = [
        {"file": item.name, "kind": item.kind, "rows": item.rows, **asdict(item.merged), "skipped": dict(item.skipped)}
        for item in report.files
    ]
    missing = [asdict(item) for item in report.missing]
    result = {"source": report.source, "sessions": [day.isoformat() for day in sessions], "files": files, "missing": missing}
    wrong = report.trouble
    return Answer(
        result,
        lambda: _told(result),
        outcome="failed" if wrong else "completed",
        exit_code=DataError.exit_code if wrong else 0,
        error=wrong or None,
    )


def _told(result: dict[str, Any]) -> str:
    rows = [(item["file"], item["kind"], item["rows"], item["new"], item["same"], item["replaced"]) for item in result["files"]]
    columns = ("file", "kind", ">rows", ">new", ">same", ">replaced")
    lines = [show.table(columns, rows, empty="Nothing to fetch." if not result["sessions"] else "Nothing came.")]
    lines += [f"{item['name']}: {item['reason']}" for item in result["missing"]]
    return "\n".join(lines)
