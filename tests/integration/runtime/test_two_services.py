"""Cron and the daemon on together, and two daemons at one PostgreSQL: every slot runs once, and every order is sent once.

Real `tradectl` processes on the real market of a past day, which passes as quickly as any day does; see `pinned_clock`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.runtime.child import shift_to
from tests.support.addresses import on_server
from tests.support.pinned_clock import pin
from tradectl.ledger.opening import open_database
from tradectl.settings import parse_moment

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

ROOT = Path(__file__).resolve().parents[3]
EVENING, MORNING = "2023-01-30", "2023-01-31"
SLOTS = "SELECT task, slot, status, attempt FROM task_executions WHERE session_date = :day AND task IN ({}) ORDER BY task, slot"
ORDERS = "SELECT symbol, side, tag FROM orders ORDER BY symbol, side"


@dataclass
class Machine:
    """A home, perhaps with its ledger on a server. `run` waits for a command's end, `start` does not."""

    home: Path
    url: str = ""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, at: str, *words: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "tradectl", "--home", str(self.home), *(("--db", self.url) if self.url else ()), *words]
        process = subprocess.Popen(
            line, cwd=ROOT, env=environment(at), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.started.append(process)
        return process

    def run(self, at: str, *words: str) -> None:
        process = self.start(at, *words)
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 0, said

    def asked(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The ledger's answer."""
        database = open_database(self.url or self.home / "ledger.db", read_only=True)
        try:
            with database.read() as connection:
                return [tuple(row) for row in connection.execute(text(query), values)]
        finally:
            database.close()

    def slots(self, day: str, *tasks: str) -> list[tuple[Any, ...]]:
        return self.asked(SLOTS.format(", ".join(f"'{task}'" for task in tasks)), day=day)

    def sent(self) -> list[tuple[str, str, str]]:
        """What the exchange has, in its own book."""
        with closing(sqlite3.connect(f"file:{self.home / 'paper.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(ORDERS).fetchall()

    def completed(self, action: str, task: str) -> int:
        query = "SELECT count(*) FROM user_logs WHERE action = :action AND task = :task"
        return int(self.asked(query, action=action, task=task)[0][0])

    def end(self) -> None:
        """Daemons first: they wait for their children."""
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        for process in self.started:
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def environment(at: str) -> Mapping[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRADECTL_")}
    return own | {pin.DAY: str(shift_to(parse_moment(at)))}


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def begun(machine: Machine, market: Path) -> Machine:
    """A home that begins when the monitors' day is over, so that nothing was missed."""
    machine.home.mkdir(exist_ok=True)
    (machine.home / "tradectl.toml").write_text(f'market = "{market}"\n', encoding="utf-8")
    machine.run(f"{EVENING} 16:05", "config", "set", "universe", "nifty50")
    return machine


@pytest.fixture
def machines() -> Iterator[list[Machine]]:
    used: list[Machine] = []
    yield used
    for machine in used:
        machine.end()


def test_an_evening_of_cron_and_daemon_together(real_market: Path, tmp_path: Path, machines: list[Machine]) -> None:
    """The daemon and five passes of cron begin in the same second, with analyze and buy due."""
    machine = begun(Machine(tmp_path / "home"), real_market)
    machines.append(machine)
    machine.start(f"{EVENING} 16:06", "daemon")
    passes = [machine.start(f"{EVENING} 16:06", "run-due") for _ in range(5)]
    said = [process.communicate(timeout=180)[0] for process in passes]
    assert [process.returncode for process in passes] == [0] * 5, said
    machine.run(f"{EVENING} 16:07", "run-due")
    wait_for(lambda: [row[2] for row in machine.slots(EVENING, "analyze", "buy")] == ["completed"] * 2)
    assert machine.slots(EVENING, "analyze", "buy") == [("analyze", "", "completed", 1), ("buy", "", "completed", 1)]
    assert machine.asked("SELECT title FROM outbox WHERE title LIKE '%blocked%'") == []
    assert (machine.completed("task_completed", "analyze"), machine.completed("task_completed", "buy")) == (1, 1)
    assert_sent_once(machine, {"BUY"})


@pytest.fixture(scope="module")
def bought(real_market: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home at nine in the morning, with orders that wait for the opening."""
    machine = begun(Machine(tmp_path_factory.mktemp("bought") / "home"), real_market)
    buy_in_the_evening(machine)
    return machine.home


def buy_in_the_evening(machine: Machine) -> None:
    machine.run(f"{EVENING} 16:05", "run-due")
    machine.run(f"{MORNING} 09:05", "amo-adjust")
    assert machine.sent()


def test_a_morning_of_cron_and_daemon_together(bought: Path, tmp_path: Path, machines: list[Machine]) -> None:
    machine = Machine(shutil.copytree(bought, tmp_path / "home"))
    machines.append(machine)
    services = [machine.start(f"{MORNING} 09:31", "daemon")]
    passes = [machine.start(f"{MORNING} 09:31", "run-due") for _ in range(3)]
    for process in passes:
        process.communicate(timeout=180)
    assert_the_morning_ran_once(machine, services)


def test_two_daemons_at_one_server(server: str, real_market: Path, tmp_path: Path, machines: list[Machine]) -> None:
    """Two machines, each with its own home, one ledger and one exchange; and a pass of cron on each."""
    url = on_server(server)
    one = begun(Machine(tmp_path / "one", url), real_market)
    buy_in_the_evening(one)
    two = Machine(tmp_path / "two", url)
    two.home.mkdir()
    (two.home / "tradectl.toml").write_text(f'market = "{real_market}"\npaper = "{one.home / "paper.db"}"\n', encoding="utf-8")
    machines += [one, two]
    services = [machine.start(f"{MORNING} 09:31", "daemon") for machine in machines]
    passes = [machine.start(f"{MORNING} 09:31", "run-due") for machine in machines]
    for process in passes:
        process.communicate(timeout=180)
    assert_the_morning_ran_once(one, services)


def assert_the_morning_ran_once(machine: Machine, services: list[subprocess.Popen[str]]) -> None:
    """One execution of the first hourly slot and one of the monitor, which goes on; each position has one sell order."""
    wait_for(lambda: machine.completed("task_completed", "position-monitor"))
    wait_for(lambda: [row for row in machine.sent() if row[1] == "SELL"])
    for service in services:
        assert service.poll() is None
        service.send_signal(signal.SIGTERM)
    assert [service.wait(60) for service in services] == [143] * len(services)
    assert machine.slots(MORNING, "position-monitor", "sell-monitor") == [
        ("position-monitor", "09:30", "completed", 1),
        ("sell-monitor", "", "running", 1),
    ]
    assert machine.completed("task_completed", "position-monitor") == 1
    assert_sent_once(machine, {"BUY", "SELL"})


def assert_sent_once(machine: Machine, sides: set[str]) -> None:
    """No tag and no side of a symbol twice at the exchange, and exactly the orders that the ledger knows."""
    sent = machine.sent()
    assert {side for _, side, _ in sent} == sides
    assert len({(symbol, side) for symbol, side, _ in sent}) == len(sent)
    assert len({tag for _, _, tag in sent}) == len(sent)
    assert sorted(machine.asked("SELECT symbol, side, tag FROM orders")) == sorted(sent)
