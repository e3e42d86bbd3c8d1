"""The daemon as a process with children: each due task once, failures that stop nothing, and an end in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.integration.runtime.child import shift_to, stage_of
from tests.integration.runtime.stage import Stage, ist
from tradectl.runtime.agenda import Window
from tradectl.runtime.daemon import Daemon, command_line

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

FORK = multiprocessing.get_context("fork")
ROOT = Path(__file__).resolve().parents[3]


class Running:
    """A daemon in a child process over a home at 09:31; `spawned` has one line for each process it started."""

    def __init__(self, folder: Path) -> None:
        self.path, self.spawned_file = folder / "ledger.db", folder / "spawned"
        shift = shift_to(ist(9, 31, 2))
        self.stage: Stage = stage_of(self.path, shift)
        self.stage.runner.rows()
        self.stage.ledger.database.close()

        def command(window: Window) -> Sequence[str]:
            with self.spawned_file.open("a") as file:
                file.write(window.name + "\n")
            slot = [window.slot] if window.slot else []
            return (sys.executable, "-m", "tests.integration.runtime.child", str(self.path), str(shift), window.task, *slot)

        def run() -> None:
            os.chdir(ROOT)
            os._exit(Daemon(stage_of(self.path, shift).runner, command, look=0.5).run())

        self.process = FORK.Process(target=run)
        self.process.start()

    def spawned(self) -> list[str]:
        return self.spawned_file.read_text().split("\n")[:-1] if self.spawned_file.exists() else []

    def wait_for(self, what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not what():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.05)

    def status(self, name: str, slot: str = "") -> str:
        row = self.stage.row(name, slot)
        return row.status if row is not None else ""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    if made.process.is_alive():
        made.process.terminate()  # which ends its children too
    made.process.join(60)
    if made.process.is_alive():
        made.process.kill()
        made.process.join()
    made.stage.ledger.database.close()


def test_a_day_of_the_daemon(running: Running) -> None:
    """One process a task; the failed one rests and stops nothing; SIGTERM reaches the monitor, which gives its claim back."""
    running.wait_for(lambda: running.status("hourly", "09:30") == "failed" and running.status("watch") == "running")
    time.sleep(1.2)  # two more looks
    assert sorted(running.spawned()) == ["hourly 09:30", "watch"]
    (service,) = running.stage.ledger.service.list()
    assert (service.service, service.status) == ("daemon", "running")
    assert service.running(running.stage.world.clock.machine_now())
    assert [row.task for row in running.stage.ledger.executions.list(status="missed")] == ["adjust", "retry", "retry"]

    assert running.process.pid is not None
    os.kill(running.process.pid, signal.SIGTERM)
    running.process.join(60)
    assert running.process.exitcode == 143
    watch = running.stage.row("watch")
    assert watch is not None
    assert (watch.status, watch.owner, watch.steps) == ("running", None, 1)
    assert running.stage.ledger.service.list()[0].status == "stopped"


def test_a_closed_terminal_ends_it_in_order(running: Running) -> None:
    running.wait_for(lambda: running.status("watch") == "running")
    assert running.process.pid is not None
    os.kill(running.process.pid, signal.SIGHUP)
    running.process.join(60)
    assert running.process.exitcode == 129
    watch = running.stage.row("watch")
    assert watch is not None
    assert watch.owner is None
    assert running.stage.ledger.service.list()[0].status == "stopped"


def test_a_killed_monitor_is_started_again(running: Running) -> None:
    running.wait_for(lambda: (row := running.stage.row("watch")) is not None and row.owner)
    watch = running.stage.row("watch")
    assert watch is not None
    assert watch.owner is not None
    os.kill(int(watch.owner.split(":")[-2]), signal.SIGKILL)
    running.wait_for(lambda: (row := running.stage.row("watch")) is not None and row.attempt == 2)
    assert running.spawned().count("watch") == 2
    assert running.process.is_alive()


def test_the_command_of_a_task_names_its_slot_and_its_trigger() -> None:
    command = command_line(["--user", "asha", "--home", "/srv/t"])
    hourly, watch = Window("hourly", "09:30", ist(9, 30), ist(10, 30)), Window("watch", "", ist(9, 15), ist(15, 30), 60)
    begins = (sys.executable, "-m", "tradectl", "--user", "asha", "--home", "/srv/t")
    assert command(hourly) == (*begins, "hourly", "--slot", "09:30", "--trigger", "daemon", "-q")
    assert command(watch) == (*begins, "watch", "--trigger", "daemon", "-q")
