"""Calling a task: once until it is settled, or step by step until its window closes. Tasks themselves never loop or sleep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tradectl.runtime.agenda import Window, next_mark

if TYPE_CHECKING:
    from tradectl.runtime.heartbeat import Heartbeat
    from tradectl.runtime.interrupt import Stop
    from tradectl.task import Context, Outcome, Task

AFTER_THE_END = timedelta(minutes=5)
"""How long a step may be repeated where no window bounds it: at a monitor's close, or when forced outside a window."""

_SLICE = 0.25
"""Seconds between two looks for a signal while waiting."""

Progress = Callable[["Task", datetime, "Outcome"], None]


@dataclass(slots=True)
class Stepping:
    """One run of a task. `steps` and `result` begin with what earlier owners of a continuous execution had done."""

    task: Task
    context: Context
    stop: Stop
    heartbeat: Heartbeat | None
    progress: Progress | None = None
    steps: int = 0
    first: bool = True
    result: Mapping[str, Any] = field(default_factory=dict)
    refused: int = 0
    unknown: int = 0
    changed: bool = False
    blocked: str = ""
    unprotected: tuple[str, ...] = ()

    def step(self) -> Outcome:
        """Call the task once and take its answer in."""
        self.stop.raise_if_asked()
        if self.heartbeat is not None:
            self.heartbeat.check()
        self.context.begin_step()
        outcome = self.task.run(self.context.at_step(self.steps, self.first))
        if not outcome.blocked and self.context.stopped:
            outcome = replace(outcome, blocked=self.context.stopped)
        if outcome.blocked:  # an order of unknown outcome is looked for while the account is halted, too
            unknown, again_after = self.context.doubts()
            outcome = replace(outcome, unknown=unknown, again_after=again_after)
        self.first = False
        merge = self.task.merge
        self.result = merge(self.result, outcome.result) if merge is not None and self.steps else outcome.result
        self.steps += 1
        self.refused += outcome.refused
        self.unknown = outcome.unknown  # an order that was unknown may be settled by the next step
        self.changed = self.changed or outcome.changed
        self.blocked = outcome.blocked
        self.unprotected = outcome.unprotected  # as of the last step
        if self.progress is not None:
            self.progress(self.task, self.context.now, outcome)
        return outcome

    def settle(self, deadline: datetime) -> Outcome:
        """Step, and again after as long as the task asks, where that is not later than `deadline`."""
        outcome = self.step()
        while outcome.again_after is not None:
            again = self.context.now + timedelta(seconds=outcome.again_after)
            if again > deadline:
                break
            self.wait_until(again)
            outcome = self.step()
        return outcome

    def through(self, window: Window, *, until: datetime | None, once: bool, noted: Callable[[Stepping], None]) -> bool:
        """Step now and at each mark of the window; True when the step at its close was done. `noted` after changes, and where a
        halt stops a step, which ends no monitor: the next step offers again what was stopped."""
        while True:
            mark = next_mark(window, self.context.now)
            outcome = self.settle(self.context.now + AFTER_THE_END if mark is None else mark - timedelta(microseconds=1))
            if mark is None:
                return True
            if once or (until is not None and mark > until):
                return False
            if outcome.changed or outcome.blocked:
                noted(self)
            self.wait_until(mark)

    def wait_until(self, moment: datetime) -> None:
        """Sleep on the world's clock; a virtual one moves at once. Raises Interrupted or Fenced when that comes first."""
        clock = self.context.world.clock
        if clock.virtual:
            clock.sleep((moment - clock.now()).total_seconds())
            return
        while (left := (moment - clock.now()).total_seconds()) > 0:
            self.stop.raise_if_asked()
            if self.heartbeat is not None:
                self.heartbeat.check()
            clock.sleep(min(left, _SLICE))
