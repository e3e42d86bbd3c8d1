"""Read what each page shows: the same values as the commands, with secrets hidden and control characters escaped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.control_characters import one_line
from tradectl.errors import UsageError
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.money import to_paise
from tradectl.redaction import scrubbed
from tradectl.report import logs as log_report
from tradectl.report import orders as order_report
from tradectl.report import positions as position_report
from tradectl.report import status as status_report
from tradectl.report.status_findings import findings, unprotected_findings
from tradectl.report.values import value
from tradectl.runtime.exposure import unprotected_now

if TYPE_CHECKING:
    from tradectl.dashboard.report_files import ReportFolder
    from tradectl.world import World

Values = dict[str, Any]
GRAVE = frozenset({"UNPROTECTED", "UNKNOWN", "STOPPED", "ERROR"})
"""The labels of findings that the title of the page counts."""
MOST_ORDERS, MOST_CLOSED, MOST_LINES, MOST_FILES = 60, 30, 100, 200
"""The rows of the tables of orders, of closed positions, of the log, and of the files of reports."""
LONGEST_SEARCH = 200
"""Characters of the words that the log is searched for."""
CHARTED = timedelta(days=365)
"""The span of the equity on the page of charts."""


class PageRequest(Struct, frozen=True):
    """What a page is made from: an open world, its status, the folder of reports, and the parameters of the address."""

    world: World
    found: Values
    reports: ReportFolder
    query: Mapping[str, str]


class ChartData(Struct, frozen=True):
    """The data of the charts, as JSON and as compressed candles (`report_page.payload`)."""

    page: str
    candles: str


class View(Struct, frozen=True):
    """A page: its title, the seconds between two reads of a browser, and the function that reads its own values."""

    title: str
    every: int
    read: Callable[[PageRequest], Values]


def values_of(view: View, world: World, home: Path, reports: ReportFolder, query: Mapping[str, str]) -> Values:
    """Return the values of a page: `found`, the status; `alerts`, what needs a person; `grave`, how many are; and its own."""
    found = status_report.status(world)
    found["disk"] = {"home": str(home), "free_bytes": shutil.disk_usage(home).free}
    alerts = [*unprotected_findings(found), *findings(found)]
    shown = {"found": found, "alerts": [{"label": item.label, "text": item.text} for item in alerts], "query": dict(query)}
    shown |= view.read(PageRequest(world, found, reports, query))
    return {name: safe(value) for name, value in shown.items()} | {"grave": sum(item.label in GRAVE for item in alerts)}


def safe(value: Any) -> Any:
    """Return a JSON value without secrets, and with each text on one line, so that no text from outside can act."""
    if isinstance(value, Mapping):
        return {key: safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [safe(item) for item in value]
    return one_line(scrubbed(value)) if isinstance(value, str) else value


def _today(_: PageRequest) -> Values:
    return {}


def _positions(request: PageRequest) -> Values:
    world = request.world
    of = world.ledger.database, world.user
    return {
        "open": position_report.listing(*of, unprotected=unprotected_now(world)),
        "closed": position_report.listing(*of, closed=True, limit=MOST_CLOSED),
        "most": MOST_CLOSED,
    }


def _orders(request: PageRequest) -> Values:
    of = request.world.ledger.database, request.world.user
    waiting = order_report.listing(*of, open_only=True, limit=MOST_ORDERS)
    known = {item["id"] for item in waiting}
    newest = order_report.listing(*of, limit=MOST_ORDERS)
    return {"waiting": waiting, "newest": [item for item in newest if item["id"] not in known], "most": MOST_ORDERS}


def _log(request: PageRequest) -> Values:
    world, query = request.world, request.query
    level, search = query.get("level", ""), one_line(query.get("search", ""))[:LONGEST_SEARCH]
    try:
        found = log_report.listing(world.ledger.database, world.user, level=level, search=search, limit=MOST_LINES)
    except UsageError as error:
        return {"lines": [], "levels": log_report.LEVELS, "wrong": str(error), "most": MOST_LINES}
    return {"lines": found[::-1], "levels": log_report.LEVELS, "wrong": "", "most": MOST_LINES}


def _charts(request: PageRequest) -> Values:
    """Return the data of the charts: the equity of a year, and the candles of each position and of today's trades."""
    from tradectl.report_page.complete import ledger_report
    from tradectl.report_page.ledger_reading import Period, days_of
    from tradectl.report_page.payload import as_json, candle_data, page_data

    world = request.world
    today = ist_date(world.clock.now())
    content = ledger_report(world, Period(today, today, ""))
    days = days_of(world, Period(today - CHARTED, today, ""))
    earlier = world.ledger.statistics.before(days[0].session) if days else None
    before = earlier.equity if earlier is not None else world.ledger.users.get(world.user).capital
    content = replace(content, days=days, before=before)
    data = page_data(content) | {"levels": _levels(request.found["positions"])}
    shown = {"sessions": len(days), "lots": len(content.held), "closed": len(content.trades), "notes": list(content.notes)}
    return shown | {"data": ChartData(as_json(safe(data)), candle_data(content.candles))}


def _levels(positions: Iterable[Values]) -> dict[str, list[Values]]:
    """Return the last price and the target of each position's live sell now, for its chart."""
    kinds = (("last", "Last price", "quiet"), ("target", "Target now", "target"))
    return {
        item["symbol"]: [
            {"name": name, "price": to_paise(item[key]), "color": color} for key, name, color in kinds if item[key] is not None
        ]
        for item in positions
    }


def _reports(request: PageRequest) -> Values:
    files = [
        {"name": file.name, "kb": -(-file.size // 1024), "written": f"{to_ist(file.written):%Y-%m-%d %H:%M}"}
        for file in request.reports.files()
    ]
    last = request.world.ledger.statistics.before(date.max)
    return {"files": files[:MOST_FILES], "more": max(0, len(files) - MOST_FILES), "last": value(last and last.session_date)}


VIEWS: Mapping[str, View] = {
    "today": View("Today", 5, _today),
    "positions": View("Positions", 5, _positions),
    "orders": View("Orders", 5, _orders),
    "charts": View("Charts", 60, _charts),
    "reports": View("Reports", 60, _reports),
    "log": View("Log", 5, _log),
}
"""The pages by name, in the order of the menu."""
