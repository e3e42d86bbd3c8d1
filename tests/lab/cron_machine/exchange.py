"""An NSE and a Yahoo on the loopback, on a machine's clock: real prices, each there from the moment of its publication."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import threading
import zipfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.integration.marketdata.sources.bhavcopies import OLD, UDIFF
from tests.integration.marketdata.sources.charts import Share, chart
from tests.integration.marketdata.test_surveillance import indicators
from tests.support.nse_site import ACTIONS, LOTS, RENAMES, SECURITIES, action
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.sources.nse import MONTHS, UDIFF_SINCE
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.price_path import daily_path

PUBLISHED = time(18, 55)
"""When the file of a session is there."""
HOLIDAYS = "/api/holiday-master"
HOLIDAY_TABLE = Path(str(resources.files("tradectl.exchange"))) / "holidays.csv"
COOKIE = "nsit=abc"


class Bar(NamedTuple):
    """A share's prices of a session in rupees, as NSE writes them."""

    series: str
    open: str
    high: str
    low: str
    close: str
    volume: str

    def level(self) -> Bar:
        """Return a bar in which nothing moves."""
        return Bar(self.series, self.close, self.close, self.close, self.close, "1000")


class Market:
    """Real bars and lists on the dates of the machine.

    Real sessions take the dates of the calendar's sessions one by one, so that the last real one is `last`: a holiday of the
    calendar stays one, and an action stays on the session on which it changed the price. In a special session, in which tradectl
    runs no task, no price moves.
    """

    def __init__(self, folder: Path, last: date, sessions: int, *, real_last: date = date.max) -> None:
        """Read the real sessions up to `real_last`, and give them the dates up to `last`."""
        self.lists, self.table = folder / "lists", SessionTable.load()
        real: dict[date, dict[str, Bar]] = defaultdict(dict)
        for file in sorted((folder / "daily").iterdir(), reverse=True):
            if len(real) < sessions and int(file.name[10:14]) <= real_last.year:
                _read_year(file, real_last, real)
        known = [day for day in sorted(real) if (session := self.table.session(day)) is not None and session.runs][-sessions:]
        dates = [session.date for session in self.table.run_between(self.table.first, last)][-len(known) :]
        self._dates = dict(zip(known, dates, strict=True))
        self.bars = {new: real[old] for old, new in self._dates.items()}
        for session in self.table.between(dates[0], dates[-1]):
            if session.date not in self.bars:
                before = max(day for day in dates if day < session.date)
                self.bars[session.date] = {symbol: bar.level() for symbol, bar in self.bars[before].items()}
        self.sessions = sorted(self.bars)

    def date_of(self, real: date) -> date:
        """Return the machine's date of a real one: that of its session, or of the next session."""
        days = list(self._dates)
        at = bisect_left(days, real)
        return self._dates[days[at]] if at < len(days) else self._dates[days[-1]] + (real - days[-1])

    def last_published(self, now: datetime) -> date | None:
        """Return the newest session whose file is there."""
        return next((day for day in reversed(self.sessions) if published(day) <= now), None)

    @cached_property
    def actions(self) -> list[tuple[date, dict[str, object]]]:
        """Return NSE's entries of corporate actions, with their ex-dates."""
        with (self.lists / "corporate_actions.csv").open() as rows:
            found = [
                (self.date_of(date.fromisoformat(row["ex_date"])), row["symbol"], row["subject"]) for row in csv.DictReader(rows)
            ]
        return [(day, action(symbol, day, subject)) for day, symbol, subject in found]

    @cached_property
    def renamed(self) -> list[tuple[date, str, str, str]]:
        """Return date, old symbol, new symbol and company of each rename."""
        with (self.lists / "symbolchange.csv").open() as rows:
            return [
                (self.date_of(date.fromisoformat(row["date"])), row["old"], row["new"], row["company"])
                for row in csv.DictReader(rows)
            ]

    @cached_property
    def renames(self) -> list[tuple[date, str]]:
        """Return the lines of NSE's list of changed symbols, with their dates."""
        return [(day, f"{company},{old},{new},{day:%d-%b-%Y}".upper()) for day, old, new, company in self.renamed]

    def list_on(self, name: str, day: date) -> bytes:
        """Return a list of shares, by the symbols that they have on a day."""
        with (self.lists / name).open() as rows:
            lines = list(csv.reader(rows))
        earlier = {new: old for since, old, new, _ in self.renamed if since > day}
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([earlier.get(field, field) for field in line] for line in lines)
        return written.getvalue().encode()


def _read_year(file: Path, last: date, into: dict[date, dict[str, Bar]]) -> None:
    """Add the bars of a file up to a date."""
    with gzip.open(file, "rt") as rows:
        for day, symbol, *values in list(csv.reader(rows))[1:]:
            if (on := date.fromisoformat(day)) <= last:
                into[on][symbol] = Bar(*values)


def published(session: date) -> datetime:
    """Return when the file of a session is there."""
    return at_ist(session, PUBLISHED)


@dataclass
class Exchange:
    """What the sites answer.

    Attributes:
        now: The machine's clock.
        down: The dates on which NSE answers nothing but 503.
        late: Sessions whose file is there only on the next morning, at seven.
        requests: The paths that were requested, with the moment.
    """

    market: Market
    now: Callable[[], datetime] = lambda: datetime.min.replace(tzinfo=UTC)
    down: set[date] = field(default_factory=set)
    late: set[date] = field(default_factory=set)
    url: str = ""
    requests: list[tuple[datetime, str]] = field(default_factory=list)

    def reply(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
        """Return status, body and kind of content."""
        now, parts = self.now(), urlsplit(target)
        self.requests.append((now, target))
        if parts.path.startswith("/v8/finance/chart/"):
            return self._chart(parts.path.rpartition("/")[2].removesuffix(".NS"), now)
        if ist_date(now) in self.down:
            return 503, b"", "text/html"
        if parts.path == "/":
            return 200, b"<html>welcome</html>", "text/html"
        if COOKIE not in headers.get("Cookie", "") or "Mozilla" not in headers.get("User-Agent", ""):
            return 403, b"<html>Access Denied</html>", "text/html"
        body = self._file(parts.path, parse_qs(parts.query), now)
        return (404, b"<html>Not Found</html>", "text/html") if body is None else (200, body, "application/octet-stream")

    def _file(self, path: str, query: Mapping[str, list[str]], now: datetime) -> bytes | None:
        name = path.rpartition("/")[2]
        if path == ACTIONS:
            first, last = (_dashed(query[key][0]) for key in ("from_date", "to_date"))
            return json.dumps([entry for day, entry in self.market.actions if first <= day <= last]).encode()
        if path == RENAMES:
            return "\n".join(line for day, line in self.market.renames if day <= ist_date(now)).encode()
        if path == SECURITIES or (name.startswith("ind_nifty") and (self.market.lists / name).exists()):
            return self.market.list_on(name, ist_date(now))
        if path == LOTS:
            return self._lots(now)
        if name.startswith("REG1_IND"):
            return indicators(**dict.fromkeys(self.market.bars[self.market.sessions[-1]], (100, 100, 100, 100))).encode()
        if path == HOLIDAYS:
            return self._holidays(ist_date(now).year)
        return self._bhavcopy(name, now)

    def _bhavcopy(self, name: str, now: datetime) -> bytes | None:
        """Return the file of a session; the one before where it is not there yet, as NSE does."""
        day = _day_of(name)
        if day is None or day > ist_date(now):
            return None
        late = {session for session in self.late if now < at_ist(session + timedelta(days=1), time(7))}
        known = [session for session in self.market.sessions if published(session) <= now and session not in late]
        held = next((session for session in reversed(known) if session <= day), None)
        return zipped(bhavcopy(held, self.market.bars[held]), name.removesuffix(".zip")) if held is not None else None

    def _lots(self, now: datetime) -> bytes:
        months = [f"{now + timedelta(days=30 * ahead):%b-%y}".upper() for ahead in range(3)]
        lines = [
            f"UNDERLYING,SYMBOL,{','.join(months)}",
            "NIFTY 50,NIFTY,75,75,75",
            f"Derivatives on Individual Securities,Symbol,{','.join(months)}",
            *(f"{symbol} LIMITED,{symbol},100,100,100" for symbol in self.market.bars[self.market.sessions[-1]]),
        ]
        return "\n".join(lines).encode()

    def _holidays(self, year: int) -> bytes:
        """Return the holidays of a year, as NSE's list has them."""
        entries = [
            {"tradingDate": f"{day:%d-%b-%Y}", "weekDay": f"{day:%A}", "description": name, "Sr_no": number}
            for number, (day, name) in enumerate(_holidays_of(year), 1)
        ]
        return json.dumps({"CM": entries}).encode()

    def _chart(self, symbol: str, now: datetime) -> tuple[int, bytes, str]:
        """Return Yahoo's chart of a share: the sessions before, and today's row up to now."""
        day = ist_date(now)
        rows = {
            past: _row(bar)
            for past in self.market.sessions
            if past <= day and day - past < timedelta(days=10) and (bar := self.market.bars[past].get(symbol)) is not None
        }
        today, session = rows.pop(day, None), self.market.table.session(day)
        last: tuple[datetime, float] | None = None
        if today is not None and session is not None and now >= session.open_at():
            opened, high, low, close = (round(price * 100) for price in today[:4])
            # every share has derivatives here, so every one has a closing auction; Yahoo's price is that of the whole minute
            minutes = session.minutes(closing_auction=True)
            end = session.continuous_end(closing_auction=True)
            at = min(now.replace(second=0, microsecond=0), end)
            passed = int((at - session.open_at()).total_seconds())
            lowest, highest, price = daily_path(opened, high, low, close, minutes).until(passed)
            rows[day] = (today[0], highest / 100, lowest / 100, price / 100, today[4] * passed // (minutes * 60))
            auction_over = now >= session.last_fill_at()  # its price is the close
            last = (session.last_fill_at() if auction_over else at), price / 100
        if not rows:
            return 404, b'{"chart":{"result":null,"error":{"code":"Not Found","description":"delisted"}}}', "application/json"
        reply = chart(Share(symbol, dict(rows), last=last))
        return reply.status, reply.body, "application/json"


def bhavcopy(day: date, bars: Mapping[str, Bar]) -> bytes:
    """Return a session's file in the form of its time."""
    if day >= UDIFF_SINCE:
        rows = [
            f"{day},{day},CM,NSE,{symbol},{bar.series},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume},"
            for symbol, bar in bars.items()
        ]
        return (UDIFF + "\n".join(rows) + "\n").encode()
    on = f"{day:%d-%b-%Y}".upper()
    rows = [
        f"{symbol},{bar.series},{bar.open},{bar.high},{bar.low},{bar.close},{bar.close},0,{bar.volume},0,{on},1,,"
        for symbol, bar in bars.items()
    ]
    return (OLD + "\n".join(rows) + "\n").encode()


def zipped(content: bytes, name: str) -> bytes:
    """Return a zip with one file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def _holidays_of(year: int) -> list[tuple[date, str]]:
    with HOLIDAY_TABLE.open() as rows:
        found = [(date.fromisoformat(row["date"]), row["name"]) for row in csv.DictReader(rows)]
    return [(day, name) for day, name in found if day.year == year]


def _dashed(text: str) -> date:
    """Return the date of `31-12-2025`."""
    day, month, year = map(int, text.split("-"))
    return date(year, month, day)


def _row(bar: Bar) -> tuple[float, float, float, float, int]:
    return float(bar.open), float(bar.high), float(bar.low), float(bar.close), int(bar.volume)


def _day_of(name: str) -> date | None:
    """Return the session in the name of a zipped bhavcopy; None for another name, and for `sec_bhavdata_full`."""
    if name.startswith("BhavCopy_NSE_CM_0_0_0_"):
        return date.fromisoformat(name.split("_")[6])
    if name.startswith("cm") and name.endswith("bhav.csv.zip"):
        return date(int(name[7:11]), MONTHS.index(name[4:7]) + 1, int(name[2:4]))
    return None


class Server(ThreadingHTTPServer):
    """A server that is silent about a client that went away: a process that ends does not close its connections in order."""

    daemon_threads = True

    def handle_error(self, request: object, address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, address)  # type: ignore[arg-type]


@contextmanager
def served(exchange: Exchange, port: int = 0) -> Iterator[Exchange]:
    """Serve the sites inside the block, at `exchange.url`; `port` 0: any free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body, kind = exchange.reply(self.path, dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if self.path == "/":
                self.send_header("Set-Cookie", f"{COOKIE}; Path=/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """`requests` has them."""

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    exchange.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield exchange
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
