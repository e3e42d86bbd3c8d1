"""Calling a task: once until it is settled, or step by step until its window closes. Tasks themselves never loop or sleep."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from tradectl.errors import BrokerUnavailable, DatabaseError, DataError, LoginNeeded, TradectlError
from tradectl.ledger.executions import Claim, Executions, Fenced
from tradectl.runtime.agenda import Window, next_mark

if TYPE_CHECKING:
    from tradectl.execution.unreadable_row_findings import OddSymbol
    from tradectl.ports import Clock
    from tradectl.runtime.interrupt import Stop
    from tradectl.task import Context, Outcome, Task

AFTER_THE_END = timedelta(minutes=5)
"""How long a step may be repeated where no window bounds it: at a monitor's close, or when forced outside a window."""

_SLICE = 0.25
"""Seconds between two looks for a signal while waiting."""

_NUMBER = re.compile(r"\d+")


def may_pass(error: TradectlError) -> bool:
    """Return whether the next step may do what failed in this one: the broker, its session or the data were not there."""
    return error.retryable or isinstance(error, BrokerUnavailable | LoginNeeded | DataError)


def cause_of(error: TradectlError) -> str:
    """Return what tells the cause of one failed step from that of another: the error without its figures."""
    return _NUMBER.sub("#", f"{type(error).__name__}: {error}")


class Watch(Protocol):
    """What is done between the steps of a loop."""

    def noted(self, work: Stepping) -> None:
        """Write down what a step changed, and what a halt stopped."""

    def failed(self, error: TradectlError) -> None:
        """Write down why a step failed."""

    def at_mark(self) -> None:
        """Look before a step at what may have come meanwhile."""


Progress = Callable[["Task", datetime, "Outcome"], None]


class Heartbeat:
    """Keeps a claim alive inside a `with` block, three beats to a lease. `check()` raises Fenced once it is lost."""

    def __init__(self, executions: Executions, claim: Claim, clock: Clock) -> None:
        self.executions = executions
        self.claim = claim
        self.clock = clock
        self.interval = executions.lease / 3
        self._lost: Fenced | None = None
        self._last = clock.machine_now()
        self._ended = threading.Event()
        self._thread = None if clock.virtual else threading.Thread(target=self._beat_until_ended, daemon=True)

    def __enter__(self) -> Heartbeat:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def check(self) -> None:
        """Between steps: beat if it is time and no thread does it."""
        if self._lost is not None:
            raise self._lost
        if self._thread is None:
            now = self.clock.machine_now()
            if now - self._last >= self.interval:
                self._last = now
                self.executions.beat(self.claim, now)

    def _beat_until_ended(self) -> None:
        while not self._ended.wait(self.interval.total_seconds()):
            try:
                self.executions.beat(self.claim, self.clock.machine_now())
            except Fenced as fenced:
                self._lost = fenced
                break
            except DatabaseError:
                continue  # the work will meet the same trouble and tell it; if it passes, the claim still holds
        self.executions.database.leave_thread()


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
    odd: tuple[OddSymbol, ...] | None = None
    """The broker's rows that the last step could not read, by symbol; None before the first step."""
    odd_news: tuple[OddSymbol, ...] = ()
    """Those that are new and were not yet reported."""
    failures: dict[str, TradectlError] = field(default_factory=dict)
    """Of steps that failed while the loop went on, and of cancels that could not be sent: the first error of each cause."""

    def step(self) -> Outcome:
        """Call the task once and take its answer in."""
        self.stop.raise_if_asked()
        if self.heartbeat is not None:
            self.heartbeat.check()
        self.context.begin_step()
        try:
            outcome = self.task.run(self.context.at_step(self.steps, self.first))
        finally:
            self._note_odd_rows()
        for failure in self.context.not_cancelled:
            self.failures.setdefault(cause_of(failure), failure)
        if not outcome.blocked and self.context.stopped:
            outcome = replace(outcome, blocked=self.context.stopped)
        if outcome.blocked:  # an order of unknown outcome is looked for while the account is halted, too
            unknown, again_after = self.context.doubts()
            outcome = replace(outcome, unknown=unknown, again_after=again_after)
        self.first = False
        merge = self.task.merge
        if self.odd_news:
            outcome = replace(outcome, changed=True)
        self.result = self._with_odd_rows(
            merge(self.result, outcome.result) if merge is not None and self.steps else outcome.result
        )
        self.steps += 1
        self.refused += outcome.refused
        self.unknown = outcome.unknown  # an order that was unknown may be settled by the next step
        self.changed = self.changed or outcome.changed
        self.blocked = outcome.blocked
        self.unprotected = outcome.unprotected  # as of the last step
        if self.progress is not None:
            self.progress(self.task, self.context.now, outcome)
        return outcome

    @property
    def stopped_rows(self) -> tuple[str, ...]:
        """A line for each symbol of ours that a row of the broker stops, which cannot be read."""
        return tuple(item.text for item in self.odd or () if item.stops)

    def take_odd_news(self) -> tuple[str, ...]:
        """Return a line for each symbol with new rows that cannot be read and stop nothing, once."""
        taken, self.odd_news = tuple(item.text for item in self.odd_news if not item.stops), ()
        return taken

    def _note_odd_rows(self) -> None:
        """Keep and announce the broker's rows that this step could not read. A ledger that fails here fails the step too."""
        before = {item.symbol: item for item in self.odd} if self.odd is not None else None
        with suppress(DatabaseError):
            found, new = self.context.odd_rows(before)
            self.odd = tuple(found)
            if new:
                self.odd_news = (*self.odd_news, *new)

    def _with_odd_rows(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a result with the rows that cannot be read now, and without those of before."""
        if not self.odd and "odd_rows" not in result:
            return result
        rest = {name: value for name, value in result.items() if name != "odd_rows"}
        return rest | ({"odd_rows": [row for item in self.odd for row in item.shown]} if self.odd else {})

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

    def through(self, window: Window, *, until: datetime | None, once: bool, watch: Watch) -> bool:
        """Step now and at each mark of the window; True when the step at its close was done.

        Neither a halt that stops a step ends the loop nor a step that fails for a reason that may pass: the next step offers
        again what was stopped, and reads anew. The last step of a loop raises what it raises.
        """
        while True:
            mark = next_mark(window, self.context.now)
            last = mark is None or once or (until is not None and mark > until)
            try:
                outcome = self.settle(self.context.now + AFTER_THE_END if mark is None else mark - timedelta(microseconds=1))
            except TradectlError as error:
                if last or not may_pass(error):
                    raise
                self._failed(error)
                watch.failed(error)
            else:
                if mark is None or last:
                    return mark is None
                if outcome.changed or outcome.blocked:
                    watch.noted(self)
            if mark is not None:
                self.wait_until(mark)
                watch.at_mark()

    def _failed(self, error: TradectlError) -> None:
        """Take a failed step in. The next one begins as that of a new process: nothing that was read before counts."""
        self.first = True
        self.context.forget()
        self.failures.setdefault(cause_of(error), error)

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
