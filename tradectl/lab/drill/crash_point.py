"""Count every commit of the ledger and every call to the broker, and end the process at one of them.

The drill chooses how: a simulated death in this process (`Killed`), a SIGKILL or a SIGSTOP. A dead process does nothing more, so
after the simulated death every further commit and call raises `Killed` too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.ledger.engine import Database


SENDS = frozenset({"place", "modify", "cancel"})


class Killed(BaseException):
    """The simulated process is dead. A BaseException, so that no error handler continues after it, as after a SIGKILL."""


def die() -> None:
    """End the simulated process."""
    raise Killed


class CrashPoint:
    """Count operations from 1 and call `act` at operation `at`; 0: only count. `names` lists all operations, oldest first."""

    def __init__(self, at: int = 0, act: Callable[[], None] = die) -> None:
        self.at = at
        self.act = act
        self.names: list[str] = []
        self.dead = False

    def after(self) -> list[str]:
        """Return the commands that were sent to the broker after the crash point."""
        return [name for name in self.names[self.at :] if name in SENDS]

    def __call__(self, name: str) -> None:
        """Count an operation that is about to happen. `place:done`: the command has ended, and its result is not used yet."""
        if self.dead:
            raise Killed
        self.names.append(name)
        if len(self.names) == self.at:
            try:
                self.act()
            except Killed:
                self.dead = True
                raise


class CommitWatch:
    """Report each commit of a ledger, just before it happens, to the crash point of the current process."""

    def __init__(self, database: Database) -> None:
        self.crash_point: CrashPoint | None = None
        database.before_commit = self._commit

    def _commit(self) -> None:
        if self.crash_point is not None:
            self.crash_point("commit")
