"""Kill or stop real processes at a crash point. Each is forked, which takes milliseconds, and ends by a signal."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tradectl.lab.drill.crash_point import CrashPoint, Killed
from tradectl.lab.drill.days import DrillStep
from tradectl.lab.drill.process import DrillProcess, play_step
from tradectl.runtime.outcomes import Report

Begin = Callable[[CrashPoint], DrillProcess]
"""Makes the DrillProcess inside the forked process."""
MOMENT, TRACE = "moment", "trace"
"""Files in the workspace: the time at which the process ended or stopped, and the error of a process that failed."""


def kill_at(begin: Begin, step: DrillStep, at: int, now: datetime, folder: Path) -> datetime:
    """Run a step in a forked process until SIGKILL ends it at operation `at`; return the time of the death, else `now`."""

    def act() -> None:
        (folder / MOMENT).write_text(process.clock.now().isoformat(), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        process = begin(CrashPoint(at, act))
        play_step(process, step)
        os._exit(0)
    os.waitpid(pid, 0)
    moment = folder / MOMENT
    return datetime.fromisoformat(moment.read_text(encoding="utf-8")) if moment.exists() else now


def _exit_code(folder: Path, crash_point: CrashPoint, report: Report | None = None) -> int:
    """Return 0, or 1 for a bug or for a command sent after another process had taken over the execution."""
    wrong = [f"{name} was sent after another process had taken over the execution" for name in crash_point.after()]
    wrong += [report.error] if report is not None and report.exit_code == 1 else []
    (folder / TRACE).write_text("; ".join(wrong), encoding="utf-8")
    return 1 if wrong else 0


class StoppedProcess:
    """A stopped process. `since`: the time of the stop; None if the process ended before it."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._folder = folder
        self._gone = False
        moment = folder / MOMENT
        self.since = datetime.fromisoformat(moment.read_text(encoding="utf-8")) if moment.exists() else None

    def wake(self, now: datetime) -> str:
        """Continue the process, with its clock at `now`, until it ends. Return its error, or an empty text."""
        (self._folder / MOMENT).write_text(now.isoformat(), encoding="utf-8")
        os.kill(self._pid, signal.SIGCONT)
        _, status = os.waitpid(self._pid, 0)
        self._gone = True
        return (
            "" if status == 0 else f"the process failed after it continued: {(self._folder / TRACE).read_text(encoding='utf-8')}"
        )

    def end(self) -> None:
        """Kill the process if it has not ended."""
        if not self._gone:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


@contextmanager
def stop_at(begin: Begin, step: DrillStep, at: int, folder: Path) -> Iterator[StoppedProcess]:
    """Run a step in a forked process that SIGSTOP stops at operation `at`; kill the process at the end of the context."""

    def act() -> None:
        (folder / MOMENT).write_text(process.clock.now().isoformat(), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGSTOP)
        woken = datetime.fromisoformat((folder / MOMENT).read_text(encoding="utf-8"))
        process.clock.move_to(max(woken, process.clock.now()))
        process.clock.awake = True

    pid = os.fork()
    if pid == 0:
        crash_point = CrashPoint(at, act)
        try:
            process = begin(crash_point)
            status = _exit_code(folder, crash_point, play_step(process, step))
        except Killed:
            status = _exit_code(folder, crash_point)
        except BaseException:  # noqa: BLE001 - the forked process must end here and report the error
            (folder / TRACE).write_text(traceback.format_exc(), encoding="utf-8")
            status = 1
        os._exit(status)
    os.waitpid(pid, os.WUNTRACED)
    sleeper = StoppedProcess(pid, folder)
    try:
        yield sleeper
    finally:
        sleeper.end()
