"""Claims between real processes: one wins, the killed are taken over, the stopped are fenced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.conftest import NOW
from tradectl.ledger.engine import open_database
from tradectl.ledger.executions import Claim, Executions, Fenced, Held, this_owner
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.store import Ledger

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

FORK = multiprocessing.get_context("fork")
DAY = date(2026, 1, 7)
LEASE = timedelta(seconds=0.3)


def claim(executions: Executions) -> Any:
    now = datetime.now(UTC)
    return executions.claim("buy", DAY, "", owner=this_owner(), trigger="cron", machine_now=now, now=NOW)


class Child:
    """A process that runs `work(executions, pipe)` and can be signalled; its messages come over the pipe."""

    def __init__(self, path: Path, work: Callable[[Executions, Connection], None], lease: timedelta = LEASE) -> None:
        self.pipe, theirs = FORK.Pipe()

        def run() -> None:
            work(Executions(open_database(path, durable=False), "asha", lease=lease), theirs)

        self.process = FORK.Process(target=run)
        self.process.start()

    def hears(self) -> Any:
        assert self.pipe.poll(10), "the child said nothing"
        return self.pipe.recv()

    def signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


@pytest.fixture
def shared(path: Path) -> Path:
    """A ledger whose connection the forked children do not share."""
    database = open_database(path, durable=False)
    create_or_upgrade(database)
    Ledger(database, "asha").users.add("asha", capital=1, created_at=NOW, role="admin")
    database.close()
    return path


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.end()


def hold(executions: Executions, pipe: Connection) -> None:
    """Claim, say so, and beat only when asked."""
    mine = claim(executions)
    pipe.send(this_owner())
    while pipe.recv() == "beat":
        try:
            executions.beat(mine, datetime.now(UTC))
            pipe.send("beaten")
        except Fenced:
            pipe.send("fenced")


def test_of_twenty_processes_exactly_one_wins(shared: Path, children: list[Child]) -> None:
    barrier = FORK.Barrier(20)

    def race(executions: Executions, pipe: Connection) -> None:
        barrier.wait(20)
        pipe.send(type(claim(executions)).__name__)
        pipe.recv()  # stay alive, so that nobody is taken over

    children += [Child(shared, race, timedelta(seconds=30)) for _ in range(20)]
    answers = [child.hears() for child in children]
    assert sorted(answers) == ["Claim"] + ["Held"] * 19
    row = Executions(open_database(shared), "asha").get("buy", DAY, "")
    assert row is not None
    assert row.attempt == 1


def test_of_ten_processes_one_takes_over_from_the_dead(shared: Path, children: list[Child]) -> None:
    first = Child(shared, hold)
    first.hears()
    first.end()
    barrier = FORK.Barrier(10)

    def race(executions: Executions, pipe: Connection) -> None:
        barrier.wait(20)
        pipe.send(type(claim(executions)).__name__)
        pipe.recv()

    children += [Child(shared, race, timedelta(seconds=30)) for _ in range(10)]
    assert sorted(child.hears() for child in children) == ["Claim"] + ["Held"] * 9


def test_a_killed_owner_is_taken_over_at_once(shared: Path, children: list[Child]) -> None:
    children.append(Child(shared, hold))
    children[0].hears()
    executions = Executions(open_database(shared, durable=False), "asha")
    assert isinstance(claim(executions), Held)
    children[0].signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while isinstance(got := claim(executions), Held) and time.monotonic() < deadline:
        time.sleep(0.01)  # the kernel has its own moment for a kill; the lease of 30 s is not what ends this
    assert isinstance(got, Claim)
    assert got.attempt == 2


def test_a_stopped_owner_is_fenced_after_its_lease(shared: Path, children: list[Child]) -> None:
    children.append(Child(shared, hold))
    owner = children[0].hears()
    children[0].signal(signal.SIGSTOP)
    executions = Executions(open_database(shared, durable=False), "asha", lease=LEASE)
    held = claim(executions)
    assert isinstance(held, Held)
    assert held.owner == owner
    time.sleep(LEASE.total_seconds() + 0.05)
    mine = claim(executions)
    assert isinstance(mine, Claim)
    assert mine.attempt == 2
    children[0].signal(signal.SIGCONT)
    children[0].pipe.send("beat")
    assert children[0].hears() == "fenced"
    assert executions.holds(mine)
    children[0].pipe.send("end")


def test_a_beating_owner_is_not_taken_over(shared: Path, children: list[Child]) -> None:
    children.append(Child(shared, hold))
    children[0].hears()
    executions = Executions(open_database(shared, durable=False), "asha", lease=LEASE)
    for _ in range(4):
        time.sleep(LEASE.total_seconds() / 2)
        children[0].pipe.send("beat")
        assert children[0].hears() == "beaten"
        assert isinstance(claim(executions), Held)
    children[0].pipe.send("end")


def test_twenty_processes_write_without_losing_anything(shared: Path, children: list[Child]) -> None:
    def write(executions: Executions, pipe: Connection) -> None:
        logs = Ledger(executions.database, "asha").logs
        for number in range(10):
            logs.append(NOW, "info", "test", str(number))
        pipe.send("done")

    children += [Child(shared, write) for _ in range(20)]
    assert [child.hears() for child in children] == ["done"] * 20
    assert len(Ledger(open_database(shared), "asha").logs.list(limit=1000)) == 200
