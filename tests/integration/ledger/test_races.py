"""Real processes at one ledger: of many claims one wins, the killed are taken over, the stopped are fenced, waits are bounded.

On SQLite and on PostgreSQL, but for the queue of SQLite's writers (`file`).
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.ledger.conftest import NOW
from tradectl.clock import SystemClock
from tradectl.errors import DatabaseError
from tradectl.ledger.engine import BUSY_SECONDS
from tradectl.ledger.executions import Claim, Executions, Fenced, Held
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.store import Ledger

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

FORK = multiprocessing.get_context("fork")
DAY = date(2026, 1, 7)
LEASE = timedelta(seconds=30)
"""No test waits for its end: who comes later says how much later. So a slow machine ends no lease either."""


def claim(executions: Executions, *, after: timedelta = timedelta(0)) -> Any:
    """Claim, `after` so long by the machine's clock."""
    now = SystemClock().machine_now() + after
    return executions.claim("buy", DAY, "", owner=current_identity(), trigger="cron", machine_now=now, now=NOW)


class Child:
    """A process that runs `work(executions, pipe)` and can be signalled; its messages come over the pipe."""

    def __init__(
        self,
        address: str | Path,
        work: Callable[[Executions, Connection], None],
        *,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.pipe, theirs = FORK.Pipe()

        def run() -> None:
            database = open_database(address, busy_seconds=busy_seconds)
            work(Executions(database, "asha", lease=LEASE), theirs)
            database.close()

        self.process = FORK.Process(target=run)
        self.process.start()

    def hears(self) -> Any:
        assert self.pipe.poll(30), "the child said nothing"
        return self.pipe.recv()

    def signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def made(address: str | Path) -> str:
    """A ledger whose connection the forked children do not share."""
    database = open_database(address, durable=False)
    create_or_upgrade(database)
    Ledger(database, "asha").users.add("asha", capital=1, created_at=NOW, role="admin")
    database.close()
    return str(address)


@pytest.fixture
def shared(address: str) -> str:
    return made(address)


@pytest.fixture
def file(path: Path) -> str:
    return made(path)


@pytest.fixture
def executions(shared: str) -> Iterator[Executions]:
    """The executions as this process sees them."""
    database = open_database(shared)
    yield Executions(database, "asha", lease=LEASE)
    database.close()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.end()


def hold(executions: Executions, pipe: Connection) -> None:
    """Claim, report it, and beat for each time that comes over the pipe: how much later it is by the machine's clock."""
    mine = claim(executions)
    pipe.send(current_identity())
    while (after := pipe.recv()) is not None:
        try:
            executions.beat(mine, SystemClock().machine_now() + after)
            pipe.send("beaten")
        except Fenced:
            pipe.send("fenced")


def test_of_fifty_processes_exactly_one_wins(shared: str, executions: Executions, children: list[Child]) -> None:
    """And the others are told who works, or that it is done: nobody sees an error."""
    executions.database.close()
    barrier = FORK.Barrier(50)

    def race(executions: Executions, pipe: Connection) -> None:
        barrier.wait(60)
        try:
            got = claim(executions)
            if isinstance(got, Claim):
                executions.finish(got, "completed", {}, now=NOW, steps=1)
            pipe.send(type(got).__name__)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            pipe.send(repr(error))
        pipe.recv()  # stay alive, so that nobody is taken over

    children += [Child(shared, race) for _ in range(50)]
    answers = sorted(child.hears() for child in children)
    assert answers.count("Claim") == 1
    assert set(answers) <= {"Claim", "Held", "AlreadyDone"}
    row = executions.get("buy", DAY, "")
    assert row is not None
    assert (row.attempt, row.status) == (1, "completed")


def test_of_ten_processes_one_takes_over_from_the_dead(shared: str, children: list[Child]) -> None:
    first = Child(shared, hold)
    first.hears()
    first.end()
    barrier = FORK.Barrier(10)

    def race(executions: Executions, pipe: Connection) -> None:
        barrier.wait(20)
        pipe.send(type(claim(executions)).__name__)
        pipe.recv()

    children += [Child(shared, race) for _ in range(10)]
    assert sorted(child.hears() for child in children) == ["Claim"] + ["Held"] * 9


def test_a_killed_owner_is_taken_over_at_once(shared: str, executions: Executions, children: list[Child]) -> None:
    children.append(Child(shared, hold))
    children[0].hears()
    assert isinstance(claim(executions), Held)
    children[0].signal(signal.SIGKILL)
    children[0].process.join()  # the kernel has its own moment for a kill
    got = claim(executions)
    assert isinstance(got, Claim)
    assert got.attempt == 2


def test_a_stopped_owner_is_fenced_after_its_lease(shared: str, executions: Executions, children: list[Child]) -> None:
    children.append(Child(shared, hold))
    owner = children[0].hears()
    children[0].signal(signal.SIGSTOP)
    held = claim(executions)
    assert isinstance(held, Held)
    assert held.owner == owner
    mine = claim(executions, after=LEASE)
    assert isinstance(mine, Claim)
    assert mine.attempt == 2
    children[0].signal(signal.SIGCONT)
    children[0].pipe.send(LEASE)
    assert children[0].hears() == "fenced"
    assert executions.holds(mine)
    children[0].pipe.send(None)


def test_a_beating_owner_is_not_taken_over(shared: str, executions: Executions, children: list[Child]) -> None:
    children.append(Child(shared, hold))
    children[0].hears()
    for halves in range(1, 5):
        children[0].pipe.send(halves * LEASE / 2)
        assert children[0].hears() == "beaten"
        assert isinstance(claim(executions, after=halves * LEASE / 2), Held)
    children[0].pipe.send(None)


def append(executions: Executions, pipe: Connection) -> None:
    """Write ten lines, one after the other."""
    for number in range(10):
        Ledger(executions.database, "asha").logs.append(NOW, "info", "test", str(number))
    pipe.send("written")


def test_twenty_processes_write_without_losing_anything(shared: str, executions: Executions, children: list[Child]) -> None:
    children += [Child(shared, append) for _ in range(20)]
    assert [child.hears() for child in children] == ["written"] * 20
    assert len(Ledger(executions.database, "asha").logs.list(limit=1000)) == 200


# -- the queue of SQLite's writers ---------------------------------------------------------------------------------------


def write_until_told(executions: Executions, pipe: Connection) -> None:
    """Write once, report it, and write on and on when told to begin; report the number of writes when told to end."""
    logs, number = Ledger(executions.database, "asha").logs, 0
    logs.append(NOW, "info", "test", "first")
    pipe.send("ready")
    pipe.recv()
    while not pipe.poll():
        logs.append(NOW, "info", "test", str(number))
        number += 1
    pipe.send(number)


def written_in(file: str) -> int:
    """Return how many lines the log has."""
    database = open_database(file, read_only=True)
    with database.read() as connection:
        found = int(connection.execute(text("SELECT count(*) FROM user_logs")).scalar_one())
    database.close()
    return found


def test_eight_busy_writers_all_get_their_turn(file: str, children: list[Child]) -> None:
    """With SQLite's busy timeout alone the unluckiest writes once; how long one waits is measured in `benchmarks/writers.py`."""
    children += [Child(file, write_until_told) for _ in range(8)]
    assert [child.hears() for child in children] == ["ready"] * 8
    for child in children:
        child.pipe.send("begin")
    while written_in(file) < 8 * 30:  # as long as that takes on a busy machine: a few writes each say nothing
        time.sleep(0.05)
    for child in children:
        child.pipe.send("end")
    writes = [child.hears() for child in children]
    assert min(writes) > max(writes) / 4


def stay_inside(executions: Executions, pipe: Connection) -> None:
    """Hold a write open until told to end it."""
    with executions.database.write() as connection:
        connection.execute(text("UPDATE users SET capital = 2"))
        pipe.send("inside")
        pipe.recv()
    pipe.send("left")


def write_once(executions: Executions, pipe: Connection) -> None:
    """Write each time that one is told to, and say how it ended and how long it took."""
    while pipe.recv() == "write":
        began = time.monotonic()
        try:
            Ledger(executions.database, "asha").logs.append(NOW, "info", "test", "written")
            said = "written"
        except DatabaseError as error:
            said = str(error)
        pipe.send((said, time.monotonic() - began))


def test_a_writer_killed_in_a_transaction_blocks_no_other(file: str, children: list[Child]) -> None:
    children += [Child(file, stay_inside), Child(file, write_once), Child(file, write_once)]
    assert children[0].hears() == "inside"
    for child in children[1:]:
        child.pipe.send("write")
    time.sleep(0.3)
    assert not any(child.pipe.poll() for child in children[1:])
    children[0].signal(signal.SIGKILL)
    assert [child.hears()[0] for child in children[1:]] == ["written"] * 2
    with Ledger(open_database(file), "asha").database.read() as connection:
        assert connection.execute(text("SELECT capital FROM users")).scalar_one() == 1
    for child in children[1:]:
        child.pipe.send("end")


def test_the_wait_for_a_stopped_writer_is_bounded(file: str, children: list[Child]) -> None:
    children += [Child(file, stay_inside), *(Child(file, write_once, busy_seconds=0.5) for _ in range(3))]
    others = children[1:]
    assert children[0].hears() == "inside"
    children[0].signal(signal.SIGSTOP)
    for _ in range(2):
        for child in others:
            child.pipe.send("write")
        answers = [child.hears() for child in others]
        holder = children[0].process.pid
        assert all(said.startswith(f"{file} is locked by process {holder} (") for said, _ in answers)
        assert all(
            f"which is stopped: nothing can be written until that process continues (`kill -CONT {holder}`)" in said
            for said, _ in answers
        )
        assert all(0.5 <= took < BUSY_SECONDS / 2 for _, took in answers)
    children[0].signal(signal.SIGCONT)
    children[0].pipe.send("end")
    assert children[0].hears() == "left"
    for child in others:  # one after the other: in a queue of three, half a second may be too short on a busy machine
        child.pipe.send("write")
        assert child.hears()[0] == "written"
    for child in others:
        child.pipe.send("end")


def wait_for_the_next(file: str) -> None:
    """Return when a process has the place of the next writer."""
    with open(f"{file}.next") as place:
        while True:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(place, fcntl.LOCK_UN)
            time.sleep(0.01)


def test_a_process_stopped_in_the_queue_delays_others_briefly(file: str, children: list[Child]) -> None:
    """The place of the next one guards nothing, so others go past it after a second."""
    children += [Child(file, stay_inside), Child(file, write_once), Child(file, write_once)]
    assert children[0].hears() == "inside"
    children[1].pipe.send("write")
    wait_for_the_next(file)
    children[1].signal(signal.SIGSTOP)
    children[0].pipe.send("end")
    assert children[0].hears() == "left"
    children[2].pipe.send("write")
    said, took = children[2].hears()
    assert said == "written"
    assert 0.9 < took < BUSY_SECONDS / 2
    children[1].signal(signal.SIGCONT)
    assert children[1].hears()[0] == "written"
    for child in children[1:]:
        child.pipe.send("end")


def test_a_child_forked_in_a_write_does_not_keep_the_lock(file: str, children: list[Child]) -> None:
    def fork_and_stay(executions: Executions, pipe: Connection) -> None:
        with executions.database.write():
            grandchild = os.fork()
            if not grandchild:
                time.sleep(60)
                os._exit(0)
            pipe.send(grandchild)
            pipe.recv()

    children += [Child(file, fork_and_stay), Child(file, write_once)]
    grandchild = children[0].hears()
    try:
        children[0].end()
        children[1].pipe.send("write")
        said, took = children[1].hears()
        assert (said, took < 1) == ("written", True)
        children[1].pipe.send("end")
    finally:
        os.kill(grandchild, signal.SIGKILL)
