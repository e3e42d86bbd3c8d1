"""Measure how fast `simulate` is, and whether its time grows only with the number of sessions.

The script simulates `nifty50` of 2023 with a sell monitor that steps every minute, on the market data of a home. Seconds mean
little on a busy or unknown machine. So each figure is also a ratio to a yardstick, measured just before and after it: a fixed
piece of plain Python and SQLite work that does not use tradectl. Quiet sessions take less time than busy ones. So growth is
measured on the same sessions, simulated alone and after others.

    python benchmarks/simulation.py --home ~/research
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from statistics import mean
from time import perf_counter

from tradectl import bootstrap
from tradectl.exchange.sessions import Session
from tradectl.model.moment import at_ist
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import simulate
from tradectl.settings import Settings, load
from tradectl.streams import secure, wait_for_reader

FIRST = date(2023, 1, 1)
LENGTHS = (20, 40, 80)
CAPITAL = 1_000_000_00
YARDSTICK_TRANSACTIONS = 4_000
"""The number of transactions of the yardstick, which takes about 0.2 seconds on a machine of 2023."""


def yardstick() -> float:
    """Return the seconds of a fixed piece of work: small transactions in a SQLite file, and arithmetic in plain Python."""
    begun = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "yard.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE yard (id INTEGER PRIMARY KEY, name TEXT UNIQUE, value INTEGER)")
        total = 0
        for number in range(YARDSTICK_TRANSACTIONS):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO yard (name, value) VALUES (?, ?)", (f"row {number}", number))
            connection.execute("COMMIT")
            total += sum(row[0] for row in connection.execute("SELECT value FROM yard ORDER BY id DESC LIMIT 5"))
            total += sum(i * i % 7 for i in range(100))
        connection.close()
    return perf_counter() - begun


def timed(settings: Settings, sessions: Sequence[Session], universe: str) -> tuple[list[float], float]:
    """Return the seconds of each session, and the mean of the yardstick before and after."""
    before = yardstick()
    with tempfile.TemporaryDirectory() as folder:
        start = at_ist(sessions[0].date, time(7, 30))
        changes = {"universe": universe}
        world = bootstrap.open_simulation(settings, Path(folder), start=start, capital=CAPITAL, changes=changes, step=1)
        marks = [perf_counter()]
        simulate(
            world,
            all_tasks(),
            sessions[0].date,
            sessions[-1].date,
            progress=lambda _done, _all, _day: marks.append(perf_counter()),
        )
        world.ledger.database.close()
        world.broker.close()
    return [end - begin for begin, end in pairwise(marks)], mean((before, yardstick()))


def line(name: str, seconds: Sequence[float], yard: float) -> str:
    per_session = sum(seconds) / len(seconds)
    return f"{name:<34}{1 / per_session:7.2f} a second{per_session * 1000:9.1f} ms each{per_session / yard:9.3f} yardsticks each"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--home", help="the home with the market data; default: TRADECTL_HOME")
    parser.add_argument("--universe", default="nifty50")
    parser.add_argument("--from", dest="first", default=FIRST.isoformat(), metavar="YYYY-MM-DD")
    arguments = parser.parse_args()
    settings = load(home=arguments.home)
    table = bootstrap.open_sessions(settings)
    sessions = table.run_between(date.fromisoformat(arguments.first), table.last)[: LENGTHS[-1]]
    timed(settings, sessions[:2], arguments.universe)  # reading and compiling that happens once is not measured
    print(f"{arguments.universe} from {sessions[0].date}, one-minute steps; the yardstick takes {yardstick():.3f} s")
    found = {length: timed(settings, sessions[:length], arguments.universe) for length in LENGTHS}
    for length, (seconds, yard) in found.items():
        print(line(f"{length} sessions", seconds, yard))
    tail = LENGTHS[0]
    alone, yard = timed(settings, sessions[-tail:], arguments.universe)
    whole, yard_then = found[LENGTHS[-1]]
    print(line(f"the last {tail} of them alone", alone, yard))
    print(line(f"the same {tail} after {LENGTHS[-1] - tail} others", whole[-tail:], yard_then))
    ratio = sum(whole[-tail:]) / yard_then / (sum(alone) / yard)
    print(f"a session after {LENGTHS[-1] - tail} others takes {ratio:.2f} times as long as the same session alone (1: linear)")


if __name__ == "__main__":
    secure()
    wait_for_reader()
    main()
