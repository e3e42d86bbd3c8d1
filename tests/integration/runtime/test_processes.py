"""Runners in real processes: killed, stopped and signalled in the middle of their work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

import pytest

from tests.integration.runtime.child import shift_to, stage_of
from tests.integration.runtime.stage import Stage, ist
from tradectl.context import Context
from tradectl.ledger.executions import Execution
from tradectl.runtime.interrupt import stop_on_signals
from tradectl.task import Outcome

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

FORK = multiprocessing.get_context("fork")
LEASE = timedelta(seconds=1.5)
LONG = timedelta(minutes=5)
"""A lease that does not end within a test, however slow the machine is."""


class Home:
    """A home on a shifted clock that several processes share; `start` runs one task in a child and answers its process."""

    def __init__(self, path: Path) -> None:
        self.path, self.lease = path, LEASE
        self.shift = shift_to(ist(10, 0, 30))
        self.stage = stage_of(path, self.shift, LEASE)
        self.stage.runner.rows()
        self.stage.ledger.database.close()
        self.children: list[multiprocessing.process.BaseProcess] = []

    def start(self, name: str, step: Callable[[Context], Outcome] | None = None, **asked: object) -> int:
        def run() -> None:
            mine = stage_of(self.path, self.shift, self.lease)
            if step is not None:
                mine.calls.script[name] = step
            os._exit(mine.run(name, **asked).exit_code)

        child = FORK.Process(target=run)
        child.start()
        self.children.append(child)
        assert child.pid is not None
        return child.pid

    def exit_code(self, number: int = 0) -> int | None:
        self.children[number].join(60)
        return self.children[number].exitcode

    def fresh(self, lease: timedelta = LEASE) -> Stage:
        return stage_of(self.path, self.shift, lease)

    def row(self, name: str) -> Execution | None:
        return self.stage.row(name)

    def wait_for(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not what():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.01)

    def stop_idle(self, pid: int) -> None:
        """Stop a process outside a write of the ledger, whose lock it would keep."""
        with closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as ledger:
            while True:
                os.kill(pid, signal.SIGSTOP)
                self.wait_for(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
                try:
                    ledger.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    os.kill(pid, signal.SIGCONT)
                    time.sleep(0.01)
                else:
                    ledger.execute("ROLLBACK")
                    return

    def working(self, name: str) -> bool:
        row = self.row(name)
        return row is not None and row.status == "running" and row.owner is not None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "ledger.db")
    yield made
    for child in made.children:
        if child.is_alive():
            child.kill()
        child.join()
    made.stage.ledger.database.close()


def changes(context: Context) -> Outcome:
    return Outcome({"done": 1})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_between_steps_gives_the_claim_back(home: Home, number: int, code: int) -> None:
    pid = home.start("watch", changes)
    home.wait_for(lambda: (row := home.row("watch")) and row.steps == 1)
    os.kill(pid, number)
    assert home.exit_code() == code
    row = home.row("watch")
    assert row is not None
    assert (row.status, row.owner, row.steps, row.result) == ("running", None, 1, {"done": 1})
    assert [line.action for line in home.stage.ledger.logs.list(task="watch")] == ["task_interrupted"]


def test_a_hangup_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.signal_number
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_signal_ends_the_step_that_is_running(home: Home) -> None:
    begun, noticed = home.path.with_suffix(".begun"), home.path.with_suffix(".noticed")

    def sleeps(context: Context) -> Outcome:
        handler = signal.getsignal(signal.SIGTERM)
        assert callable(handler)

        def notice(number: int, frame: FrameType | None) -> None:
            noticed.touch()
            handler(number, frame)

        signal.signal(signal.SIGTERM, notice)
        begun.touch()
        time.sleep(300)
        return Outcome()

    pid = home.start("watch", sleeps)
    home.wait_for(begun.exists)
    os.kill(pid, signal.SIGTERM)
    home.wait_for(noticed.exists)
    assert home.children[0].is_alive()
    os.kill(pid, signal.SIGTERM)
    assert home.exit_code() == 143
    row = home.row("watch")
    assert row is not None
    assert row.owner is None


def test_a_killed_monitor_is_taken_over_at_once_with_its_counts(home: Home) -> None:
    pid = home.start("watch", changes)
    home.wait_for(lambda: (row := home.row("watch")) and row.steps == 1)
    os.kill(pid, signal.SIGKILL)
    home.children[0].join()
    mine = home.fresh()
    assert mine.run("watch", once=True).outcome == "completed"
    row = home.row("watch")
    assert row is not None
    assert (row.attempt, row.steps) == (2, 2)


def test_a_stopped_process_is_fenced_and_cannot_finish(home: Home) -> None:
    pid = home.start("watch", changes)
    home.wait_for(lambda: (row := home.row("watch")) and row.steps == 1)
    home.stop_idle(pid)
    assert home.fresh(LONG).run("watch", once=True).outcome == "busy"
    time.sleep(LEASE.total_seconds() + 0.1)
    assert home.fresh().run("watch", once=True).outcome == "completed"
    os.kill(pid, signal.SIGCONT)
    assert home.exit_code() == 9
    row = home.row("watch")
    assert row is not None
    assert (row.attempt, row.owner, row.steps) == (2, None, 2)


def test_a_loop_begins_after_a_single_step_of_another(home: Home) -> None:
    """Cron starts `run-due` and the monitor's own line in the same second."""
    enough = home.path.with_suffix(".enough")

    def long(context: Context) -> Outcome:
        while not enough.exists():
            time.sleep(0.02)
        return Outcome({"done": 1})

    home.lease = LONG
    home.start("watch", long, once=True)
    home.wait_for(lambda: home.working("watch"))
    loop = home.start("watch", changes)
    time.sleep(0.3)
    assert home.children[1].is_alive(), "it waits"
    enough.touch()
    assert home.exit_code(0) == 0
    home.wait_for(lambda: (row := home.row("watch")) and row.steps == 2)
    row = home.row("watch")
    assert row is not None
    assert (f":{loop}:" in (row.owner or ""), row.attempt, row.one_step) == (True, 1, 0)
    home.start("watch", changes)
    assert home.exit_code(2) == 0, "a second loop is busy at once"
    assert (home.children[1].is_alive(), home.working("watch")) == (True, True)


def test_a_long_step_keeps_its_claim(home: Home) -> None:
    enough = home.path.with_suffix(".enough")

    def long(context: Context) -> Outcome:
        while not enough.exists():
            time.sleep(0.02)
        return Outcome({"done": 1})

    def beat_at() -> datetime:
        [row] = home.stage.ledger.executions.list(task="hourly")
        assert row.beat_at is not None
        return row.beat_at

    home.start("hourly", long, slot="09:30")
    home.wait_for(lambda: home.stage.ledger.executions.list(task="hourly"))
    claimed = beat_at()
    home.wait_for(lambda: beat_at() > claimed + 2 * LEASE)
    assert home.fresh(LONG).run("hourly", slot="09:30").outcome == "busy"
    enough.touch()
    assert home.exit_code() == 0
    (row,) = home.stage.ledger.executions.list(task="hourly")
    assert (row.status, row.attempt) == ("completed", 1)


def test_of_eight_runners_one_works(home: Home) -> None:
    def slow(context: Context) -> Outcome:
        time.sleep(0.3)
        home.stage.ledger.logs.append(context.now, "info", "worked", "once")
        return Outcome({"done": 1})

    home.lease = LONG
    for _ in range(8):
        home.start("hourly", slow, slot="09:30")
    assert [home.exit_code(number) for number in range(8)] == [0] * 8
    assert len(home.stage.ledger.logs.list(action="worked")) == 1
