"""Let a machine with a real cron trade on paper by itself, day after day, and compare what it did with `simulate`.

    python -m tests.lab.cron_machine --sessions 3 --rate 60 FOLDER_OF_REAL_DATA

Two commands are typed: `init` and `crontab install`. The machine sleeps through the hours in which nothing is scheduled.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from tests.lab.cron_machine.exchange import Exchange, Market, served
from tests.lab.cron_machine.machine import Machine, missing
from tradectl.model.moment import at_ist

AWAKE = (("07:29", "08:04"), ("08:39", "08:42"), ("09:04", "15:37"), ("15:59", "16:12"), ("17:59", "18:05"), ("18:59", "19:08"))
"""When the machine is awake on a day with a session, Indian time."""
BRIEFLY = (("07:29", "07:32"), ("09:14", "09:17"), ("18:59", "19:02"))
"""The same on another day."""
CAPITAL = "1000000"
PATIENCE = 900.0
"""Real seconds to wait for jobs that still run when the machine could sleep."""


@dataclass
class Faults:
    """What goes wrong on the machine, by date: hours asleep, a source that is down, an evening whose file comes late."""

    asleep: dict[date, tuple[str, str]] = field(default_factory=dict)
    down: set[date] = field(default_factory=set)
    late: set[date] = field(default_factory=set)


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


def awake(day: date, *, session: bool, faults: Faults) -> Iterator[tuple[datetime, datetime]]:
    """Yield the spans of a day in which the machine is awake."""
    away = faults.asleep.get(day)
    gone = (at_ist(day, time.fromisoformat(away[0])), at_ist(day, time.fromisoformat(away[1]))) if away else None
    for begin, end in AWAKE if session else BRIEFLY:
        start, stop = at_ist(day, time.fromisoformat(begin)), at_ist(day, time.fromisoformat(end))
        if gone is None or stop <= gone[0] or start >= gone[1]:
            yield start, stop
            continue
        if start < gone[0]:
            yield start, gone[0]
        if gone[1] < stop:
            yield gone[1], stop


class Household:
    """A home on a machine, with the commands of its operator."""

    def __init__(self, machine: Machine, exchange: Exchange, folder: Path) -> None:
        self.machine, self.exchange, self.home = machine, exchange, folder / "home"
        self.program = str(Path(sys.executable).with_name("tradectl"))

    def tradectl(self, *words: str, ok: bool = True) -> str:
        """Type a command of the home; return what it printed. Raises RuntimeError for an unexpected end."""
        done = self.machine.type(self.program, "--home", str(self.home), *words)
        if ok and done.code:
            raise RuntimeError(f"{' '.join(words)} ended with {done.code}: {done.err or done.out}")
        return done.out

    def set_up(self, universe: str) -> None:
        """Type the two commands, and point the home at the loopback sites."""
        self.tradectl("init", "--capital", CAPITAL, "--universe", universe, "--prices", "yahoo")
        with (self.home / "tradectl.toml").open("a") as file:
            file.writelines(f'{name} = "{self.exchange.url}"\n' for name in ("nse", "nse_home", "yahoo"))
        self.tradectl("crontab", "install")

    def live(self, first: date, last: date, faults: Faults) -> None:
        """Let the days pass."""
        day = first
        while day <= last:
            for begin, end in awake(day, session=day in self.exchange.market.bars, faults=faults):
                self.machine.forward_to(begin)
                self.machine.wait_until(end)
                self._await_jobs()
            tell(f"{day} {self.machine.now():%H:%M} UTC, {len(self.machine.letters())} mails")
            day += timedelta(days=1)

    def _await_jobs(self) -> None:
        until = monotonic() + PATIENCE
        while (left := self.machine.jobs()) and monotonic() < until:
            sleep(0.1)
        if left:
            tell(f"still running: {left}")

    def result(self, first: date, last: date, universe: str, kept: Path) -> Lived:
        """Return what the ledger holds, beside a simulation of the same days on the home's own archive."""
        executions = json.loads(self.tradectl("executions", "--limit", "100000", "--json"))["result"]
        words = ["simulate", "--from", f"{first}", "--to", f"{last}", "--universe", universe, "--capital", CAPITAL]
        self.tradectl(*words, "--keep", str(kept), "--json")
        return Lived(executions, self.machine.letters(), fills(self.home / "ledger.db"), fills(kept / "ledger.db"))


def tell(*lines: str) -> None:
    """Print lines."""
    sys.stdout.write("\n  ".join(lines) + "\n")
    sys.stdout.flush()


def fills(ledger: Path) -> list[tuple[str, ...]]:
    """Return session, symbol, side, quantity and price (paise) of each fill of a ledger, in order."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT session_date, symbol, side, quantity, price FROM fills ORDER BY 1, 2, 3, 4, 5").fetchall()
    return [tuple(map(str, row)) for row in rows]


def run(folder: Path, data: Path, first: date, last: date, *, rate: float, universe: str, faults: Faults, zone: str) -> Lived:
    """Live on the days from `first` to `last`; the machine boots on the evening of the session before."""
    market = Market(data, date(first.year - 7, 1, 1), last + timedelta(days=7))
    eve = max(day for day in market.sessions if day < first)
    machine = Machine(folder / "machine", at_ist(eve, time(18, 50)), rate=rate, zone=zone)
    exchange = Exchange(market, machine.now, down=faults.down, late=faults.late)
    (folder / "machine").mkdir(parents=True)
    with served(exchange), machine:
        household = Household(machine, exchange, folder)
        household.set_up(universe)
        machine.wait_until(at_ist(eve, time(19, 2)))
        household._await_jobs()
        household.live(eve + timedelta(days=1), last, faults)
        return household.result(first, last, universe, folder / "simulated")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.cron_machine")
    parser.add_argument("data", type=Path)
    parser.add_argument("--first", type=date.fromisoformat, default=date(2025, 1, 9))
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--universe", default="nifty50")
    parser.add_argument("--zone", default="Asia/Kolkata")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args(words)
    lack = missing()
    if lack:
        tell(f"this machine has no {lack}")
        return 4
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="tradectl-machine-"))
    market = Market(asked.data, asked.first, asked.first + timedelta(days=2 * asked.sessions + 20))
    last = market.sessions[asked.sessions - 1]
    lived = run(folder, asked.data, asked.first, last, rate=asked.rate, universe=asked.universe, faults=Faults(), zone=asked.zone)
    counts = {" ".join(key): count for key, count in sorted(lived.counts().items())}
    tell(json.dumps(counts, indent=1))
    for title, lines in (("ledger", lived.ledger), ("simulated", lived.simulated), ("mails", lived.letters)):
        tell(f"{title}: {len(lines)}", *map(str, lines[:20]))
    return 0
