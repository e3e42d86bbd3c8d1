"""Carry out `data fetch`: create a source, read from it, and report what was fetched."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from tradectl.bootstrap import open_store
from tradectl.cli import output
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.login import broker_account
from tradectl.cli.progress import bar
from tradectl.clock import SystemClock, VirtualClock
from tradectl.errors import ConfigurationError, DataError, SourceUnavailable, UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.fetch import FetchReport, Missing, Span, stored_sessions, wanted
from tradectl.marketdata.fetch import fetch as fetched
from tradectl.marketdata.sources.request_pacer import DEFAULT_LIMITS, RequestPacer
from tradectl.marketdata.sources.restoring import Reach
from tradectl.marketdata.sources.surveillance_files import stored_lists
from tradectl.marketdata.whole_sessions import whole_sessions
from tradectl.model.moment import ist_date
from tradectl.model.symbols import read_symbol, shown
from tradectl.runtime.interrupt import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from tradectl.exchange.holiday_list import HolidayList
    from tradectl.marketdata.sources.past import Client
    from tradectl.marketdata.sources.port import Source
    from tradectl.ports import Clock
    from tradectl.settings import Settings

TITLES = {"nse": "NSE", "surveillance": "NSE", "yahoo": "Yahoo", "kite": "Kite"}
"""The sources: their names on the command line and in text."""


def fetch(invocation: Invocation, source: str, span: Span, *, symbols: str, universe: str) -> Answer:
    """Fetch from a source; return the answer. With `--at` only sessions that had ended at that moment are fetched."""
    _check_options(source, span, symbols=symbols, universe=universe)
    settings = invocation.required_settings()
    clock = VirtualClock(settings.at) if settings.at else SystemClock()
    table = SessionTable.load(settings.sessions)
    of_lists = source == "surveillance"
    stored = stored_lists(settings.market) if of_lists else stored_sessions(settings.market)
    asked = span if source == "nse" else _since_a_week(span, stored, clock) if of_lists else _every_session(span)
    whole = whole_sessions(settings.market, open_store(settings)) if source == "nse" and stored else stored
    with stop_on_signals() as stop, bar("fetching", quiet=invocation.quiet or invocation.as_json) as tell, ExitStack() as stack:
        sessions = wanted(asked, stored, table, clock.now(), whole)
        look = stop.raise_if_requested
        if of_lists:
            opened = surveillance_lists(settings, clock, RequestPacer(DEFAULT_LIMITS, look))
        elif source == "nse":
            opened = nse(settings, clock, RequestPacer(DEFAULT_LIMITS, look))
        else:
            client = (
                yahoo(settings, RequestPacer(DEFAULT_LIMITS, look))
                if source == "yahoo"
                else stack.enter_context(broker(invocation, source))
            )
            opened = restored(settings, clock, client, names(settings, symbols, universe), _reach(span))
        report = fetched(
            opened,
            sessions,
            settings.market,
            table,
            at=SystemClock().machine_now(),
            replace=span.again,
            partial=stored - whole,
            progress=tell,
            look=look,
        )
        if source == "nse" and not clock.virtual:
            fetch_lot_list(settings, table, report, RequestPacer(DEFAULT_LIMITS, look))
    return _answer(report, [session.date for session in sessions])


def _check_options(source: str, span: Span, *, symbols: str, universe: str) -> None:
    """Raise UsageError for an unknown source, or for options that do not fit it."""
    if source not in TITLES:
        raise UsageError(f"a source is one of {', '.join(TITLES)}; not {source!r}")
    if source in {"nse", "surveillance"} and (symbols or universe):
        raise UsageError("NSE's files have every symbol: --symbols and --universe are for the other sources")
    if source not in {"nse", "surveillance"} and span.again:
        raise UsageError(f"{TITLES[source]} never replaces a stored bar: --replace is for --source nse")
    if source not in {"nse", "surveillance"} and bool(symbols) == bool(universe):
        raise UsageError("name the symbols: --symbols A,B,C or --universe NAME")


def nse(settings: Settings, clock: Clock, pacer: RequestPacer) -> Source:
    """Return the source NSE at the address of the settings."""
    from tradectl.marketdata.sources.download import Downloader
    from tradectl.marketdata.sources.nse import NseFiles

    return NseFiles(settings.nse, Downloader("NSE", settings.nse_home, pacer), clock.now)


def surveillance_lists(settings: Settings, clock: Clock, pacer: RequestPacer) -> Source:
    """Return the source of NSE's surveillance lists at the address of the settings."""
    from tradectl.marketdata.sources.download import Downloader
    from tradectl.marketdata.sources.surveillance_files import SurveillanceFiles

    return SurveillanceFiles(settings.nse, Downloader("NSE", settings.nse_home, pacer), clock.now)


def fetch_lot_list(settings: Settings, table: SessionTable, report: FetchReport, pacer: RequestPacer) -> None:
    """Fetch NSE's list of shares with derivatives if the stored one is missing or old. NSE offers only today's list."""
    from tradectl.marketdata.fetch_lots import fetch_lots, is_due
    from tradectl.marketdata.sources.download import Downloader

    at = SystemClock().machine_now()
    if is_due(settings.market, ist_date(at)):
        downloader = Downloader("NSE", settings.nse_home, pacer)
        try:
            fetch_lots(settings.nse, downloader, settings.market, table, report, at=at)
        except SourceUnavailable as error:
            report.missing.append(Missing("F&O lots", str(error), pending=True))


def holiday_list(settings: Settings) -> HolidayList:
    """Return NSE's list of trading holidays from the page in the settings. Raises DataError for any other reply."""
    from tradectl.marketdata.fetch_holidays import download_holidays
    from tradectl.marketdata.sources.download import Downloader

    with stop_on_signals() as stop:
        pacer = RequestPacer(DEFAULT_LIMITS, stop.raise_if_requested)
        return download_holidays(settings.nse_home, Downloader("NSE", settings.nse_home, pacer))


def broker_holidays(invocation: Invocation) -> tuple[HolidayList, str]:
    """Return the broker's list for the first year that is not known, and its source as text.

    Raises DataError if its list of the last known year differs from the calendar, Blocked for a broker without a list."""
    from tradectl.exchange.holiday_list import refuse_contradiction

    account, table = broker_account(invocation), SessionTable.load(invocation.required_settings().sessions)
    name, year = f"{account.broker_name()}'s holiday list", table.listed_through.year
    refuse_contradiction(account.holidays(year), table, name)
    return account.holidays(year + 1), f"{name}, fetched"


def yahoo(settings: Settings, pacer: RequestPacer) -> Client:
    """Return the source Yahoo at the address of the settings."""
    from tradectl.marketdata.sources.yahoo import Yahoo, YahooPast

    return YahooPast(Yahoo(settings.yahoo, settings.home / "yahoo", pacer), ist_date(SystemClock().machine_now()))


@contextmanager
def broker(invocation: Invocation, source: str) -> Iterator[Client]:
    """Yield the candles of the user's broker, through a read-only account. Raises ConfigurationError for another broker."""
    from tradectl.marketdata.sources.candles import CandlePast

    account = broker_account(invocation)
    if account.broker_name() != source:
        raise ConfigurationError(f"the broker of {account.ledger.user} is {account.broker_name()}, not {source}")
    candles = account.candles()
    try:
        yield CandlePast(candles, TITLES[source])
    finally:
        candles.close()


def restored(settings: Settings, clock: Clock, client: Client, symbols: list[str], reach: Reach) -> Source:
    """Return a source that restores adjusted bars of a client, for symbols by today's names."""
    from tradectl.marketdata.sources.restoring import RestoredBars
    from tradectl.marketdata.sources.stored_facts import Stored

    known, today = Stored(settings.market, open_store(settings)), ist_date(clock.machine_now())
    return RestoredBars(client, symbols, known, clock.now, today, reach=reach)


def names(settings: Settings, symbols: str, universe: str) -> list[str]:
    """Return the given symbols, or today's names of a universe's members. Raises UsageError for an unknown universe or no
    symbol."""
    found = [_symbol(word) for word in symbols.split(",") if word.strip()]
    if universe:
        store, today = open_store(settings), ist_date(SystemClock().machine_now())
        found = [store.instrument(member, today).symbol for member in store.universe(universe)]
    if not found:
        raise UsageError("name the symbols: --symbols A,B,C or --universe NAME")
    return list(dict.fromkeys(found))


def _symbol(word: str) -> str:
    """Return a symbol in the exchange's spelling. Raises UsageError for an invalid symbol, before it is sent to the source."""
    try:
        return read_symbol(word).symbol
    except ValueError as error:
        raise UsageError(f"{shown(word)} {error}") from error


def _since_a_week(span: Span, stored: set[date], clock: Clock) -> Span:
    """Return a span of the newest lists if none is stored and no date is given. A list is in force until the next one."""
    from tradectl.marketdata.sources.surveillance_files import BEGIN

    return span if stored or span.since is not None else replace(span, since=ist_date(clock.now()) - BEGIN, repair=False)


def _every_session(span: Span) -> Span:
    """Return a span of every session from the given date or the first stored session on: each symbol may lack other sessions."""
    return Span(span.since, span.to, repair=True, again=True)


def _reach(span: Span) -> Reach:
    """Return which sessions without a bar are fetched for a symbol."""
    return Reach.GIVEN if span.since is not None else Reach.GAPS if span.repair else Reach.NEWER


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
        lambda: _fetched_text(result),
        outcome="failed" if wrong else "completed",
        exit_code=DataError.exit_code if wrong else 0,
        error=wrong or None,
    )


def _fetched_text(result: dict[str, Any]) -> str:
    rows = [(item["file"], item["kind"], item["rows"], item["new"], item["same"], item["replaced"]) for item in result["files"]]
    columns = ("file", "kind", ">rows", ">new", ">same", ">replaced")
    lines = [
        output.table(columns, rows, empty="Nothing to fetch." if not result["sessions"] else "The sources returned nothing.")
    ]
    lines += [f"{item['name']}: {item['reason']}" for item in result["missing"]]
    return "\n".join(lines)
