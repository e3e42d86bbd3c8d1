"""Define what a task is: a declaration, and a function that takes a context and returns an outcome.

Every start of the program reads the declarations of all tasks but runs few of them. So each task is a package: `__init__` has the
declaration, and the module `step` is imported only when the task runs. For the same reason this module imports little.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import time

    from tradectl.context import Context
    from tradectl.errors import TradectlError
    from tradectl.ports import Clock


class Schedule(Struct, frozen=True):
    """The times (IST) of a task. A task with one time has the slot `""`; with several times it has a slot `HH:MM` for each.

    Attributes:
        at: The starts of the slots.
        until: When the last window closes; None: at the session's last fill.
        every: Seconds between two steps of a monitor; None for a task of one step.
        each_until_next: Each window closes at the start of the next slot.
        first_until: When the window of the first of several slots closes, if not at the start of the next slot or at `until`.
    """

    at: tuple[time, ...]
    until: time | None
    every: int | None = None
    each_until_next: bool = False
    first_until: time | None = None


class Outcome(Struct, frozen=True):
    """The outcome of one step of a task.

    Attributes:
        result: The counts of the step, as JSON values.
        again_after: Seconds until the next step; None: the task is done.
        refused: The number of rejected orders (exit 11).
        unknown: The number of UNKNOWN orders (exit 7).
        changed: False if the step changed nothing; then only its heartbeat is written.
        blocked: What must be done first (exit 9); empty if nothing.
        unprotected: One line for each position without a live sell order that needs a person (exit 11).
        missing: The errors of data that did not come. The run ends as failed with the gravest of their codes, keeps its result,
            and is tried again in its window.
    """

    result: Mapping[str, Any] = {}
    again_after: float | None = None
    refused: int = 0
    unknown: int = 0
    changed: bool = True
    blocked: str = ""
    unprotected: tuple[str, ...] = ()
    missing: tuple[TradectlError, ...] = ()


class Task(Struct, frozen=True):
    """The declaration of a task of the day.

    Attributes:
        needs: Tasks that must have completed before in the same session.
        buys: The task prepares or places buys, so it does not run in a provisional session.
        sends: The task may send orders.
        real_time: The task works on what is published today, so it does not run on a virtual clock.
        asks_broker: The task needs a session at the broker.
    """

    name: str
    summary: str
    schedule: Schedule
    run: Callable[[Context], Outcome]
    needs: tuple[str, ...] = ()
    merge: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Merges the results of two steps of one execution; None: the last step's result counts."""
    switches: tuple[str, ...] = ()
    """On/off settings of the user that the task's command also has as options for one run."""
    buys: bool = False
    sends: bool = False
    real_time: bool = False
    asks_broker: bool = True

    def runs_on(self, clock: Clock) -> bool:
        """Return whether the task is a part of the day on this clock."""
        return not (self.real_time and clock.virtual)

    @property
    def repeatable(self) -> bool:
        """Return whether a run that completed while the machine's clock was ahead is repeated at the right time.

        A monitor is repeated, because each step corrects the orders, and so is a task that sends no order.
        """
        return self.schedule.every is not None or not self.sends


def step_of(package: str) -> Callable[[Context], Outcome]:
    """Return a function that imports the package's module `step` and calls its `run`."""

    loaded = cache(lambda: import_module(f"{package}.step"))

    def run(context: Context) -> Outcome:
        outcome: Outcome = loaded().run(context)
        return outcome

    return run
