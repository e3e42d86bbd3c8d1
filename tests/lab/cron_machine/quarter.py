"""Let a machine with a real cron trade on paper by itself, day after day, and compare what it did with `simulate`.

    python -m tests.lab.cron_machine --sessions 3 --rate 60 FOLDER_OF_REAL_DATA

Two commands are typed: `init` and `crontab install`. The machine sleeps through the hours in which nothing is scheduled.
A run that was interrupted (SIGINT, SIGTERM: after the day) goes on from its `--folder`; one in memory (/dev/shm) is the fastest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from tests.lab.cron_machine.exchange import Exchange, Market, served
from tests.lab.cron_machine.machine import Machine, missing
from tradectl.model.moment import at_ist

AWAKE = (
    ("07:29", "07:32"),
    ("07:44", "07:47"),
    ("07:59", "08:02"),
    ("08:39", "08:42"),
    ("09:04", "15:37"),
    ("15:59", "16:02"),
    ("16:04", "16:07"),
    ("17:59", "18:02"),
    ("18:59", "19:02"),
)
"""When the machine is awake on a day with a session, Indian time."""
IDLE = (*((f"{hour:02}:29", f"{hour:02}:32") for hour in range(9, 15)), ("15:14", "15:17"), ("15:29", "15:37"))
"""What is enough of the market's hours when at 09:21 the home has neither a position nor an order."""
BRIEFLY = (("07:29", "07:32"), ("07:44", "07:47"), ("09:14", "09:17"), ("18:59", "19:02"))
"""When it is awake on another day; also in a special session, in which no task runs."""
OPENING = ("09:14", "09:21")
"""When the clock of a home with positions or orders runs at a quarter of the rate of such a day.

The first step of the monitor takes a second or two. At the full rate that is two minutes, after which a position without a sell
is reported."""
BUSY = 60.0
"""The highest rate on a day with positions or orders: `run-due` starts each minute, for half a second of processor time."""
CAPITAL = "1000000"
PATIENCE = 900.0
"""Real seconds to wait for jobs that still run when the machine could sleep."""
SLOW = 10.0
"""The rate of the first evening: six years of files take some real minutes, and the window of `prices` ends at 23:30."""
QUOTE_AGE = 600
"""Seconds of the machine's clock after which a quote is ignored: at its rate the request of a quote takes a minute."""
HISTORY = 1480
"""Sessions before the first one: the years of a backtest, and one more."""


@dataclass
class Faults:
    """What goes wrong on the machine, by date: hours asleep, a source that is down, an evening whose file comes late."""

    asleep: dict[date, tuple[str, str]] = field(default_factory=dict)
    down: set[date] = field(default_factory=set)
    late: set[date] = field(default_factory=set)

    @classmethod
    def on(cls, sessions: Sequence[date]) -> Faults:
        """Return the faults of a run: each on a session of its own, the blind morning last, since trades differ from then."""
        if len(sessions) < 6:
            return cls()
        late, down, short, blind = (sessions[len(sessions) * part // 8] for part in (2, 3, 5, 7))
        return cls({short: ("08:00", "08:40"), blind: ("07:00", "12:00")}, {down}, {late})


@dataclass
class Lived:
    """What the machine did: executions, fills of its ledger and of `simulate`, and the mails of cron."""

    executions: list[dict[str, Any]]
    letters: list[str]
    ledger: list[tuple[str, ...]]
    simulated: list[tuple[str, ...]]

    def counts(self) -> Counter[tuple[str, str]]:
        """Return the number of executions by task and status."""
        return Counter((row["task"], row["status"]) for row in self.executions)

    def first_difference(self) -> str:
        """Return the first session whose fills differ, with them; empty if the fills are equal."""
        for day in sorted({row[0] for row in (*self.ledger, *self.simulated)}):
            here, there = ([row for row in rows if row[0] == day] for rows in (self.ledger, self.simulated))
            if here != there:
                return f"{day}: ledger {here}, simulated {there}"
        return ""


def spans(table: Iterable[tuple[str, str]], day: date, away: tuple[str, str] | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield the spans of a day in which the machine is awake, without the hours for which it is away."""
    gone = (at_ist(day, time.fromisoformat(away[0])), at_ist(day, time.fromisoformat(away[1]))) if away else None
    for begin, end in table:
        start, stop = at_ist(day, time.fromisoformat(begin)), at_ist(day, time.fromisoformat(end))
        if gone is None or stop <= gone[0] or start >= gone[1]:
            yield start, stop
            continue
        if start < gone[0]:
            yield start, gone[0]
        if gone[1] < stop:
            yield gone[1], stop


class Progress:
    """The last day that a run has lived, and the port of its sites, which the home knows."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> tuple[date | None, int]:
        """Return day and port; None and 0 before the first day."""
        if not self._file.exists():
            return None, 0
        held = json.loads(self._file.read_text())
        return date.fromisoformat(held["day"]), held["port"]

    def write(self, day: date, url: str) -> None:
        """Store a day that has ended."""
        self._file.write_text(json.dumps({"day": f"{day}", "port": urlsplit(url).port}))


class Household:
    """A home on a machine, with the commands of its operator."""

    def __init__(self, machine: Machine, exchange: Exchange, folder: Path, *, daemon: bool = False) -> None:
        self.machine, self.exchange, self.home = machine, exchange, folder / "home"
        self.progress, self.daemon = Progress(folder / "progress.json"), daemon
        self.program = str(Path(sys.executable).with_name("tradectl"))
        self._stopping = False
        for wanted in (signal.SIGINT, signal.SIGTERM):
            signal.signal(wanted, self._stop)

    def tradectl(self, *words: str, ok: bool = True) -> str:
        """Type a command of the home; return what it printed. Raises RuntimeError for an unexpected end."""
        done = self.machine.type(self.program, "--home", str(self.home), *words)
        if ok and done.code:
            raise RuntimeError(f"{' '.join(words)} ended with {done.code}: {done.err or done.out}")
        return done.out

    def set_up(self, universe: str, bars: Path | None, years: int | None) -> None:
        """Type the two commands, and point the home at the loopback sites; with a daemon, its service is the second one.

        `years` is the setting `backtest_years`, on which the length of the first evening depends."""
        self.tradectl("init", "--capital", CAPITAL, "--universe", universe, "--prices", "yahoo")
        with (self.home / "tradectl.toml").open("a") as file:
            file.writelines(f'{name} = "{self.exchange.url}"\n' for name in ("nse", "nse_home", "yahoo"))
        self.tradectl("config", "set", "quote_max_age", f"{QUOTE_AGE}")
        if years is not None:
            self.tradectl("config", "set", "backtest_years", f"{years}")
        if bars is not None:
            (self.home / "market").mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(bars, self.home / "market" / "archive.db")
        if not self.daemon:
            self.tradectl("crontab", "install")

    def boot(self, machine: Machine) -> None:
        """Take a machine that was switched on, and start the daemon on it if the home has one."""
        self.machine = machine
        if self.daemon and (self.home / "ledger.db").exists():
            machine.start(self.program, "--home", str(self.home), "daemon", "-q")

    def live(self, first: date, last: date, faults: Faults) -> date:
        """Let the days pass; return the last one. SIGINT and SIGTERM end it after the day."""
        day = first
        while True:
            session = self.exchange.market.table.session(day)
            self._live_on(day, session is not None and session.runs, faults.asleep.get(day))
            self.progress.write(day, self.exchange.url)
            monitored = sum(row["steps"] for row in self.executions(day) if row["task"] == "sell-monitor")
            seen = f"{monitored} steps of the monitor, {self.filled()} fills, {len(self.machine.letters())} mails so far"
            tell(f"{day} {self.machine.now():%H:%M} UTC: {seen}")
            if day >= last or self._stopping:
                return day
            day += timedelta(days=1)

    def _live_on(self, day: date, runs: bool, away: tuple[str, str] | None) -> None:
        usual = self.machine.rate
        opening, looked = (at_ist(day, time.fromisoformat(text)) for text in OPENING)
        for begin, end in spans(AWAKE if runs else BRIEFLY, day, away):
            if begin < looked < end:
                self._open(begin, opening, looked)
                if self._is_idle():
                    self._pass(spans(IDLE, day, away))
                    continue
            self._pass([(begin, end)])
        if self.machine.rate != usual:
            self.machine.run_at(usual)

    def _open(self, begin: datetime, opening: datetime, looked: datetime) -> None:
        """Let the time pass from `begin` to `looked`; slowly from `opening` on, if something can trade."""
        if begin < opening:
            self._pass([(begin, opening)])
        if self._is_idle():
            self._pass([(max(begin, opening), looked)])
            return
        busy = min(self.machine.rate, BUSY)
        self.machine.run_at(busy / 4)
        self.machine.wait_until(looked)  # the monitor runs on, so no end of a job is awaited
        self.machine.run_at(busy)

    def _pass(self, awake: Iterable[tuple[datetime, datetime]]) -> None:
        for begin, end in awake:
            self.machine.forward_to(begin)
            self.machine.wait_until(end)
            self._await_jobs()

    def _is_idle(self) -> bool:
        """Return whether nothing can trade: no position and no live order."""
        with closing(sqlite3.connect(f"file:{self.home / 'ledger.db'}?mode=ro", uri=True)) as ledger:
            states = "('EXECUTED', 'CANCELLED', 'REJECTED')"
            (held,) = ledger.execute("SELECT count(*) FROM positions WHERE status = 'open'").fetchone()
            (live,) = ledger.execute(f"SELECT count(*) FROM orders WHERE status NOT IN {states}").fetchone()
        return not held and not live

    def executions(self, day: date | None = None) -> list[dict[str, Any]]:
        """Return the executions of a day, or all."""
        found = json.loads(self.tradectl("executions", "--limit", "100000", "--json"))["result"]
        return [row for row in found if day is None or row["session_date"] == day.isoformat()]

    def filled(self) -> int:
        """Return the number of fills so far."""
        return len(fills(self.home / "ledger.db"))

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def await_evening(self) -> None:
        """Wait until the first evening has brought the data, and the buys of the next session."""
        until = monotonic() + PATIENCE
        while self._ended() != {"prices", "analyze", "buy", "eod"} and monotonic() < until:
            sleep(0.5)
        self._await_jobs()

    def _ended(self) -> set[str]:
        with closing(sqlite3.connect(f"file:{self.home / 'ledger.db'}?mode=ro", uri=True)) as ledger:
            return {task for (task,) in ledger.execute("SELECT task FROM task_executions WHERE status = 'completed'")}

    def _await_jobs(self) -> None:
        """Wait for the end of the jobs that run now; cron may start others meanwhile."""
        until, left = monotonic() + PATIENCE, self.machine.jobs()
        while left and monotonic() < until:
            sleep(0.1)
            left = {process: job for process, job in self.machine.jobs().items() if process in left}
        if left:
            tell(f"still running: {left}")

    def result(self, first: date, last: date, universe: str, kept: Path) -> Lived:
        """Return what the ledger holds, beside a simulation of the same days on the home's own archive."""
        executions = self.executions()
        words = ["simulate", "--from", f"{first}", "--to", f"{last}", "--universe", universe, "--capital", CAPITAL]
        self.tradectl(*words, "--keep", str(kept), "--json")
        names = {old: new for _, old, new, _ in self.exchange.market.renamed}
        ledgers = (self.home / "ledger.db", kept / "ledger.db")
        return Lived(executions, self.machine.letters(), *(fills(ledger, names) for ledger in ledgers))


def tell(*lines: str) -> None:
    """Print lines."""
    sys.stdout.write("\n  ".join(lines) + "\n")
    sys.stdout.flush()


def fills(ledger: Path, names: Mapping[str, str] | None = None) -> list[tuple[str, ...]]:
    """Return session, symbol, side, quantity and price (paise) of each fill of a ledger, sorted. `names`: new symbols by old."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT session_date, symbol, side, quantity, price FROM fills").fetchall()
    now = names or {}
    return sorted((day, now.get(symbol, symbol), side, str(quantity), str(price)) for day, symbol, side, quantity, price in rows)


def run(
    folder: Path, market: Market, first: date, last: date, *,
    rate: float, universe: str, faults: Faults, zone: str = "Asia/Kolkata", daemon: bool = False,
    bars: Path | None = None, years: int | None = None,
) -> Lived:  # fmt: skip
    """Live on the days from `first` to `last`; the machine boots on the evening of the session before.

    A folder in which an earlier run was interrupted is continued. `bars`: an archive of that evening, which saves its fetch."""
    eve = max(day for day in market.sessions if day < first)
    evening = at_ist(eve, time(18, 50))
    off = Machine(folder / "machine", evening, rate=SLOW, zone=zone)
    household = Household(off, Exchange(market), folder, daemon=daemon)
    lived, port = household.progress.read()
    with served(household.exchange, port) as exchange:
        if lived is None:
            with switched_on(off, exchange):
                household.set_up(universe, bars, years)
                household.boot(off)
                off.wait_until(evening + timedelta(minutes=12))
                household.await_evening()
                tell(f"{off.now():%F %H:%M} UTC: the first evening has ended, {len(off.letters())} mails")
        exchange.down, exchange.late = faults.down, faults.late
        day = (lived or eve) + timedelta(days=1)
        with switched_on(Machine(folder / "machine", at_ist(day, time(7, 20)), rate=rate, zone=zone), exchange) as machine:
            household.boot(machine)
            ended = household.live(day, last, faults)
            return household.result(eve, ended, universe, folder / f"simulated until {ended}")


@contextmanager
def switched_on(machine: Machine, exchange: Exchange) -> Iterator[Machine]:
    """Boot the machine; the sites go by its clock."""
    with machine:
        exchange.now = machine.now
        yield machine


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.cron_machine")
    parser.add_argument("data", type=Path)
    parser.add_argument("--last", type=date.fromisoformat, default=date(2026, 11, 27))
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--universe", default="nifty50")
    parser.add_argument("--zone", default="Asia/Kolkata")
    parser.add_argument("--daemon", action="store_true", help="instead of cron, which then has no line")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--bars", type=Path, help="archive.db of an earlier run's first evening, which is then not fetched")
    asked = parser.parse_args(words)
    lack = missing()
    if lack:
        tell(f"this machine has no {lack}")
        return 4
    with suppress(OSError):
        os.nice(-15)  # the clock does not wait for a busy machine
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="tradectl-machine-"))
    market = Market(asked.data, asked.last, HISTORY + asked.sessions)
    sessions = [session.date for session in market.table.run_between(market.sessions[0], asked.last)][-asked.sessions :]
    faults = Faults.on(sessions)
    tell(f"{len(sessions)} sessions, {sessions[0]} to {sessions[-1]}; {faults}")
    span = sessions[0], sessions[-1]
    lived = run(
        folder,
        market,
        *span,
        rate=asked.rate,
        universe=asked.universe,
        faults=faults,
        zone=asked.zone,
        daemon=asked.daemon,
        bars=asked.bars,
    )
    counts = {" ".join(key): count for key, count in sorted(lived.counts().items())}
    tell(json.dumps(counts, indent=1))
    for title, lines in (("ledger", lived.ledger), ("simulated", lived.simulated), ("mails", lived.letters)):
        tell(f"{title}: {len(lines)}", *map(str, lines[:20]))
    tell(f"first difference: {lived.first_difference() or 'none'}")
    return 0
