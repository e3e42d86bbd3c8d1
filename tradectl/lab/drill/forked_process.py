"""Real processes that die or stop at a crash point: a fork, so that it costs milliseconds, and the kernel's own signals."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tradectl.lab.drill.crash_point import Killed, Trip
from tradectl.lab.drill.days import Step
from tradectl.lab.drill.process import Life, play
from tradectl.runtime.outcomes import Report

Begin = Callable[[Trip], Life]
"""Makes the life that will die, in its own process."""
MOMENT, TRACE = "moment", "trace"
"""Files beside the ground's: when it is for who comes after, and what went wrong in a process that should not have failed."""


def killed_there(begin: Begin, step: Step, at: int, now: datetime, folder: Path) -> datetime:
    """Play a step in another process until it is killed by SIGKILL at its operation `at`; when that was."""

    def act() -> None:
        (folder / MOMENT).write_text(life.clock.now().isoformat(), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        life = begin(Trip(at, act))
        play(life, step)
        os._exit(0)
    os.waitpid(pid, 0)
    moment = folder / MOMENT
    return datetime.fromisoformat(moment.read_text(encoding="utf-8")) if moment.exists() else now


def _told(folder: Path, trip: Trip, report: Report | None = None) -> int:
    """Zero, or one for what it should not have done: a bug of ours, or a new command after it had been taken over."""
    wrong = [f"it sent {name} after it had been taken over" for name in trip.after()]
    wrong += [report.error] if report is not None and report.exit_code == 1 else []
    (folder / TRACE).write_text("; ".join(wrong), encoding="utf-8")
    return 1 if wrong else 0


class Sleeper:
    """A process that is stopped; `since` when, if it came that far."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._folder = folder
        self._gone = False
        moment = folder / MOMENT
        self.since = datetime.fromisoformat(moment.read_text(encoding="utf-8")) if moment.exists() else None

    def wake(self, now: datetime) -> str:
        """Let it go on, at a moment; empty, or what went wrong in it."""
        (self._folder / MOMENT).write_text(now.isoformat(), encoding="utf-8")
        os.kill(self._pid, signal.SIGCONT)
        _, status = os.waitpid(self._pid, 0)
        self._gone = True
        return "" if status == 0 else f"the process that woke up failed: {(self._folder / TRACE).read_text(encoding='utf-8')}"

    def end(self) -> None:
        if not self._gone:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


@contextmanager
def stopped_there(begin: Begin, step: Step, at: int, folder: Path) -> Iterator[Sleeper]:
    """A process that plays a step and is stopped by SIGSTOP at its operation `at`."""

    def act() -> None:
        (folder / MOMENT).write_text(life.clock.now().isoformat(), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGSTOP)
        woken = datetime.fromisoformat((folder / MOMENT).read_text(encoding="utf-8"))
        life.clock.move_to(max(woken, life.clock.now()))
        life.clock.awake = True

    pid = os.fork()
    if pid == 0:
        trip = Trip(at, act)
        try:
            life = begin(trip)
            status = _told(folder, trip, play(life, step))
        except Killed:
            status = _told(folder, trip)
        except BaseException:  # noqa: BLE001 - the last place of this process, which must end here and tell why
            (folder / TRACE).write_text(traceback.format_exc(), encoding="utf-8")
            status = 1
        os._exit(status)
    os.waitpid(pid, os.WUNTRACED)
    sleeper = Sleeper(pid, folder)
    try:
        yield sleeper
    finally:
        sleeper.end()
