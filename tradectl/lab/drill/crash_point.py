"""A wire across the path: every commit of the ledger and every call to the broker is counted, and at one of them it trips.

What happens then is the drill's choice: a death inside this process (`Killed`), a real SIGKILL, a real SIGSTOP. A process that
has died does nothing any more, so after the first death every further commit and call dies too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.ledger.engine import Database


SENDS = frozenset({"place", "modify", "cancel"})


class Killed(BaseException):
    """This life is over. No handler of errors may hold it up, as none could hold up a SIGKILL."""


def die() -> None:
    raise Killed


class Trip:
    """Counts from 1. `at` 0: it only counts. `names` has the name of every operation, in order."""

    def __init__(self, at: int = 0, act: Callable[[], None] = die) -> None:
        self.at = at
        self.act = act
        self.names: list[str] = []
        self.dead = False

    def after(self) -> list[str]:
        """What was sent to the broker after it tripped."""
        return [name for name in self.names[self.at :] if name in SENDS]

    def __call__(self, name: str) -> None:
        """An operation is about to happen (`place:done`: has happened, and nobody has heard of it)."""
        if self.dead:
            raise Killed
        self.names.append(name)
        if len(self.names) == self.at:
            try:
                self.act()
            except Killed:
                self.dead = True
                raise


class Watch:
    """Tells the trip of the life that works on a ledger of its commits, just before they are done."""

    def __init__(self, database: Database) -> None:
        self.trip: Trip | None = None
        database.before_commit = self._commit

    def _commit(self) -> None:
        if self.trip is not None:
            self.trip("commit")
