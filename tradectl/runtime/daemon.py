"""Run the daemon: every half minute, start one process for each due task. A task that fails does not stop the others."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tradectl.control_characters import lines
from tradectl.errors import ConfigurationError, Interrupted, TradectlError
from tradectl.ledger.process_identity import current_identity
from tradectl.redaction import scrubbed
from tradectl.runtime.agenda import Window
from tradectl.runtime.closed_day_pings import ping_closed_day
from tradectl.runtime.companion import Companion
from tradectl.runtime.due import due_now
from tradectl.runtime.exposure import announce_unprotected
from tradectl.runtime.halting import follow_marker, resumed_at
from tradectl.runtime.interrupt import Stop, stop_on_signals
from tradectl.runtime.runner import Runner

LOOK = 30.0
"""Seconds between two checks of what is due."""
BEAT = timedelta(minutes=1)
"""How often the heartbeat is written."""
_SLICE = 0.25

Command = Callable[[Window], Sequence[str]]


def command_line(arguments: Sequence[str]) -> Command:
    """Return the command of a task's process; `arguments` are the global options (user, home, database) of this process."""

    def command(window: Window) -> Sequence[str]:
        slot = ("--slot", window.slot) if window.slot else ()
        return (sys.executable, "-m", "tradectl", *arguments, window.task, *slot, "--trigger", "daemon", "-q")

    return command


@dataclass(slots=True)
class _Child:
    """The running process of a window."""

    process: subprocess.Popen[bytes]
    window: Window


@dataclass(slots=True)
class Daemon:
    """Starts the tasks that are due, and waits.

    Attributes:
        command: Returns the command of a window's process.
        look: Seconds between two checks of what is due.
        failures: By task and slot, how often it failed in a row.
        resting: By task and slot, until when a task that failed is not started again.
        problem: Returns why the home can no longer be used; empty if it can.
        tell: Takes the states of sd_notify(3), for systemd.
        companion: A process beside the tasks, None for none.
    """

    runner: Runner
    command: Command
    look: float = LOOK
    problem: Callable[[], str] = lambda: ""
    tell: Callable[[str], None] = lambda _: None
    children: dict[tuple[str, str], _Child] = field(default_factory=dict)
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    resting: dict[tuple[str, str], datetime] = field(default_factory=dict)
    companion: Companion | None = None
    _beaten: datetime | None = None
    _resumed: datetime | None = None

    def run(self) -> int:
        """Run until a signal; then pass it on to the children, wait for them, and return 128 + its number.

        A home that disappears ends the daemon too: it reports that and returns 4."""
        clock, ledger = self.runner.world.clock, self.runner.world.ledger
        with stop_on_signals(self.runner.stop or Stop()) as stop:
            while not stop.signal_number:
                if problem := self.problem():
                    self.tell("STOPPING=1")
                    return self._give_up(problem)
                self.check_once()
                self.tell("READY=1\nWATCHDOG=1")
                self._wait(stop)
            self.tell("STOPPING=1")
            self._end_children(stop.signal_number)
        self._quietly(lambda: ledger.service.stop("daemon", current_identity(), clock.machine_now(), "stopped"))
        return 128 + stop.signal_number

    def _give_up(self, problem: str) -> int:
        """End the tasks, report that the home disappeared, and return the exit code. Nothing can be recorded any more."""
        self._end_children(signal.SIGTERM)
        user = self.runner.world.user
        text = (
            f"the daemon of {user} ended: {problem}. No task runs, and orders at the broker are not watched. Mount the disk or "
            "restore the home, then start `tradectl daemon` again"
        )
        self._report(text)
        self.runner.world.notifier.send(f"tradectl of {user} has ended", text)
        return ConfigurationError.exit_code

    def check_once(self) -> None:
        """Write the heartbeat, collect children that have ended, and start what is due."""
        self._gather()
        self._quietly(self._beat)
        self._quietly(self._start_due)
        self._quietly(self._watch)
        self._quietly(self.runner.delivery.between_steps)
        self._quietly(lambda: ping_closed_day(self.runner))
        if (companion := self.companion) is not None:
            self._quietly(lambda: companion.tend(self.runner.world.clock.machine_now()))

    def _start_due(self) -> None:
        runner, now = self.runner, self.runner.world.clock.now()
        follow_marker(runner.world)
        if self.resting and (resumed := resumed_at(runner.world.ledger)) != self._resumed:
            self._resumed = resumed
            self.resting.clear()
        runner.watch_clock()
        warnings = runner.take_warnings()
        for line in warnings:
            self._report(line)
        runner.missed_slots.record(runner.rows())
        windows, needs = due_now(runner), {task.name: task.needs for task in runner.tasks}
        due = {window.task for window in windows}
        for window in windows:
            key = (window.task, window.slot)
            if due.intersection(needs[window.task]):
                continue  # a task that this one needs is due too: this one starts at a later check
            if key not in self.children and self.resting.get(key, now) <= now:
                process = subprocess.Popen(self.command(window), stdin=subprocess.DEVNULL, start_new_session=True)
                self.children[key] = _Child(process, window)

    def _watch(self) -> None:
        """Announce positions that no live sell covers: a monitor that is stopped or disabled cannot."""
        if self.runner.world.follow_renames is not None:
            self.runner.world.follow_renames()
        announce_unprotected(self.runner.world)

    def _gather(self) -> None:
        """Remove children that have ended. A monitor that failed starts again at a later check, other tasks after 1 to 15
        minutes."""
        now = self.runner.world.clock.now()
        for key, child in list(self.children.items()):
            code = child.process.poll()
            if code is None:
                continue
            del self.children[key]
            self.failures[key] = self.failures.get(key, 0) + 1 if code else 0
            if code:
                minutes = timedelta(minutes=min(self.failures[key], 15))
                self.resting[key] = now + (timedelta(seconds=self.look) if child.window.every is not None else minutes)

    def _beat(self) -> None:
        now = self.runner.world.clock.machine_now()
        if self._beaten is None or now - self._beaten >= BEAT:
            running = ", ".join(child.window.name for child in self.children.values())
            self.runner.world.ledger.service.beat("daemon", current_identity(), now, running or "waiting")
            self._beaten = now

    def _wait(self, stop: Stop) -> None:
        clock = self.runner.world.clock
        waited = 0.0
        while waited < self.look and not stop.signal_number and not self.problem():
            clock.sleep(_SLICE)
            waited += _SLICE
            if any(child.process.poll() is not None for child in self.children.values()):
                self._gather()

    def _end_children(self, signal_number: int) -> None:
        """Pass the signal on to the children once, and wait for their end: a child may be sending an order."""
        for child in self.children.values():
            if child.process.poll() is None:
                child.process.send_signal(signal_number)
        if self.companion is not None:
            self.companion.end()
        for child in self.children.values():
            child.process.wait()
        self.children.clear()

    def _quietly(self, work: Callable[[], None]) -> None:
        """Call `work`; report an error that must not end the loop, such as a database that is down."""
        try:
            work()
        except Interrupted:
            raise
        except (TradectlError, OSError) as error:
            self._report(str(error))

    @staticmethod
    def _report(line: str) -> None:
        print(lines(scrubbed(f"tradectl daemon: {line}")), file=sys.stderr)  # noqa: T201 - the daemon reports to stderr
