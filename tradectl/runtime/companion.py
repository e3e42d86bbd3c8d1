"""Keep a process beside the tasks: start it while it is wanted, and again after it has ended.

The process shares nothing with the daemon, so it can hang or die without a delay for a task.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PATIENCE = 2.0
"""Seconds for which a process may end by itself after SIGTERM, before SIGKILL."""
LONGEST_REST = 15
"""The most minutes until a process that failed is started again."""


@dataclass(slots=True)
class Companion:
    """A process beside the tasks.

    Attributes:
        command: Its command line.
        wanted: Returns whether it should run; called at each check.
        failures: How often it failed in a row.
    """

    command: Sequence[str]
    wanted: Callable[[], bool]
    failures: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _next_start: datetime | None = None

    def tend(self, now: datetime) -> None:
        """Start the process if it is wanted, does not run and need not rest; end it if it is not wanted. Raises OSError."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            self._process = None
            self.failures = self.failures + 1 if code > 0 else 0
            self._next_start = now + timedelta(minutes=min(self.failures, LONGEST_REST))
        if not self.wanted():
            self.end()
        elif self._process is None and (self._next_start is None or now >= self._next_start):
            self._process = self.start()

    def start(self, *, quiet: bool = False) -> subprocess.Popen[bytes]:
        """Start the process in a session of its own. It inherits only stderr; with `quiet` nothing, since cron would wait."""
        errors = subprocess.DEVNULL if quiet else None
        nothing = subprocess.DEVNULL
        return subprocess.Popen(self.command, stdin=nothing, stdout=nothing, stderr=errors, start_new_session=True)

    def end(self) -> None:
        """End the process: it must not delay its starter, and loses nothing by SIGKILL."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
