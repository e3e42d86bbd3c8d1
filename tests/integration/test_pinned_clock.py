"""The tests do not see the machine's date, whatever it is; and the program has no switch for it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from tests.support.pinned_clock import pin
from tradectl.clock import SystemClock, VirtualClock
from tradectl.settings import parse_moment

ROOT = Path(__file__).resolve().parents[2]
MOMENT = "2026-11-25 10:00"
READ = "from tradectl.clock import SystemClock; print(SystemClock().now().isoformat())"
SOON = timedelta(minutes=5)


def say_now(pipe: multiprocessing.connection.Connection) -> None:
    pipe.send(SystemClock().now())


def since(moment: datetime) -> timedelta:
    return moment - parse_moment(MOMENT)


@pytest.mark.parametrize("machine", ["2026-11-29 06:30", "2027-06-01 05:30", "2031-02-03 00:00"])
def test_the_clock_is_pinned_on_every_machine(set_clock: Callable[[str], None], machine: str) -> None:
    set_clock(MOMENT)
    with freeze_time(machine, tick=True):
        read = [SystemClock().now(), SystemClock().machine_now(), VirtualClock(datetime(2023, 7, 14, tzinfo=UTC)).machine_now()]
    assert all(timedelta(0) <= since(moment) < SOON for moment in read), read


def test_a_child_has_the_same_clock(set_clock: Callable[[str], None]) -> None:
    set_clock(MOMENT)
    said = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=True).stdout
    assert timedelta(0) <= since(datetime.fromisoformat(said.strip())) < SOON


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_has_the_same_clock(set_clock: Callable[[str], None], method: str) -> None:
    set_clock(MOMENT)
    context = multiprocessing.get_context(method)
    pipe, theirs = context.Pipe()
    worker = context.Process(target=say_now, args=(theirs,))
    worker.start()
    assert timedelta(0) <= since(pipe.recv()) < SOON
    worker.join()


def test_time_passes_as_it_does(set_clock: Callable[[str], None]) -> None:
    set_clock(MOMENT)
    clock, began = SystemClock(), time.monotonic()
    before = clock.now()
    clock.sleep(0.2)
    passed = clock.now() - before
    assert timedelta(seconds=0.2) <= passed < timedelta(seconds=time.monotonic() - began + 0.1)


def test_the_program_alone_reads_none_of_the_variables() -> None:
    """Without this folder on PYTHONPATH, the variables move nothing: an operator cannot set the date by accident."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {pin.CLOCK: "1e9", pin.DAY: "1e9"}
    began = pin.machine_now(UTC)
    said = subprocess.run([sys.executable, "-c", READ], env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert began <= datetime.fromisoformat(said.stdout.strip()) <= pin.machine_now(UTC)
