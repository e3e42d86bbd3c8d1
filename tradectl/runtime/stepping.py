"""Run the steps of a task, once or until its window closes, and renew the lease of its claim. Tasks never loop or sleep."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from tradectl.errors import BrokerUnavailable, DatabaseError, DataError, LoginNeeded, TradectlError
from tradectl.ledger.executions import Claim, Executions, Fenced
from tradectl.runtime.agenda import Window, next_mark

if TYPE_CHECKING:
    from tradectl.context import Context
    from tradectl.execution.unreadable_row_findings import OddSymbol
    from tradectl.ports import Clock
    from tradectl.runtime.interrupt import Stop
    from tradectl.task import Outcome, Task

AFTER_THE_END = timedelta(minutes=5)
"""How long a step may be repeated where no window limits it: at a monitor's close, or when forced outside a window."""

_INSTANT = timedelta(microseconds=1)

_SLICE = 0.25
"""Seconds between two checks for a signal while waiting."""

_NUMBER = re.compile(r"\d+")


def may_pass(error: TradectlError) -> bool:
    """Return whether the next step may succeed after this error: the broker, its session or the data were unavailable."""
    return error.retryable or isinstance(error, BrokerUnavailable | LoginNeeded | DataError)


def cause_of(error: TradectlError) -> str:
    """Return a key for the cause of a failed step: the error without its figures."""
    return _NUMBER.sub("#", f"{type(error).__name__}: {error}")


class Watch(Protocol):
    """Called between the steps of a loop."""

    def noted(self, work: Stepping) -> None:
        """Store what a step changed, and what a halt stopped."""

    def failed(self, error: TradectlError) -> None:
        """Report why a step failed."""

    def at_mark(self) -> None:
        """Called before each step but the first."""


Progress = Callable[["Task", datetime, "Outcome"], None]


class Heartbeat:
    """Renews a claim's lease inside a `with` block, three times a lease: by a thread, in simulated time by `check()`."""

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
        """Raise Fenced if the claim is lost; renew the lease if it is time and no thread does it. Call it between steps."""
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
                continue  # the task reports the same error; if the error passes, the claim is still valid
        self.executions.database.leave_thread()


@dataclass(slots=True)
class Stepping:
    """One run of a task. `steps` and `result` begin with the values of earlier owners of a continuous execution."""

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
    missing: tuple[TradectlError, ...] = ()
    odd: tuple[OddSymbol, ...] | None = None
    """The broker's unreadable rows in the last step, by symbol; None before the first step."""
    odd_news: tuple[OddSymbol, ...] = ()
    """The unreadable rows that are new and were not yet reported."""
    failures: dict[str, TradectlError] = field(default_factory=dict)
    """The first error of each cause: of steps that failed while the loop went on, and of cancels that could not be sent."""

    def step(self) -> Outcome:
        """Call the task once and add its outcome to this run's."""
        self.stop.raise_if_requested()
        if self.heartbeat is not None:
            self.heartbeat.check()
        follow = self.context.world.follow_renames
        if follow is not None and follow() and self.context.trading_sessions:
            self.first = True
            self.context.forget()
        self.context.begin_step(self.steps, self.first)
        recorder = self.context.world.recorder if not self.context.dry_run else None
        if recorder is not None:
            recorder.begin_step()
        try:
            outcome = self.task.run(self.context)
        finally:
            if recorder is not None:
                recorder.end_step()
            self._note_odd_rows()
        stopped, not_cancelled = self.context.blocked_commands()
        for failure in not_cancelled:
            self.failures.setdefault(cause_of(failure), failure)
        if not outcome.blocked and stopped:
            outcome = replace(outcome, blocked=stopped)
        if outcome.blocked:  # unknown orders are also checked while the account is halted
            unknown, again_after = self.context.unresolved()
            outcome = replace(outcome, unknown=unknown, again_after=again_after)
        self.first = False
        merge = self.task.merge
        if self.odd_news:
            outcome = replace(outcome, changed=True)
        result = merge(self.result, outcome.result) if merge is not None and self.steps else outcome.result
        self.result = self._with_odd_rows(result) if self.odd or "odd_rows" in result else result
        self.steps += 1
        self.refused += outcome.refused
        self.unknown = outcome.unknown  # an order that was unknown may be settled by the next step
        self.changed = self.changed or outcome.changed
        self.blocked = outcome.blocked
        self.unprotected = outcome.unprotected  # as of the last step
        self.missing = outcome.missing
        if self.progress is not None:
            self.progress(self.task, self.context.now, outcome)
        return outcome

    @property
    def stopped_rows(self) -> tuple[str, ...]:
        """Return a line for each of our symbols that an unreadable row of the broker stops."""
        return tuple(item.text for item in self.odd or () if item.stops)

    def take_odd_news(self) -> tuple[str, ...]:
        """Return, once, a line for each symbol with new unreadable rows that stop nothing."""
        taken, self.odd_news = tuple(item.text for item in self.odd_news if not item.stops), ()
        return taken

    def _note_odd_rows(self) -> None:
        """Store and announce the broker's unreadable rows of this step. An error of the ledger is ignored: the step raises it."""
        if self.odd == () and not self.context.world.ledger.book.broker.odd:
            return
        before = {item.symbol: item for item in self.odd} if self.odd is not None else None
        with suppress(DatabaseError):
            found, new = self.context.odd_rows(before)
            self.odd = tuple(found)
            if new:
                self.odd_news = (*self.odd_news, *new)

    def _with_odd_rows(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a result with the unreadable rows of the last step instead of those of earlier steps."""
        rest = {name: value for name, value in result.items() if name != "odd_rows"}
        return rest | ({"odd_rows": [row for item in self.odd for row in item.shown]} if self.odd else {})

    def settle(self, deadline: datetime) -> Outcome:
        """Do a step, and repeat it after `again_after` seconds of each outcome until `deadline`; return the last outcome."""
        outcome = self.step()
        return outcome if outcome.again_after is None else self._again(outcome, deadline)

    def _again(self, outcome: Outcome, deadline: datetime) -> Outcome:
        """Step again after `again_after` seconds of each outcome, until `deadline`; return the last outcome."""
        while outcome.again_after is not None:
            again = self.context.now + timedelta(seconds=outcome.again_after)
            if again > deadline:
                break
            self.wait_until(again)
            outcome = self.step()
        return outcome

    def through(self, window: Window, *, until: datetime | None, once: bool, watch: Watch) -> bool:
        """Do a step now and at each mark of the window.

        Neither a halt nor an error that may pass ends the loop: the next step reads everything again. The last step of the loop
        raises its error.

        Returns:
            True when the step at the window's close was done.
        """
        while True:
            mark = next_mark(window, self.context.now)
            last = mark is None or once or (until is not None and mark > until)
            try:
                outcome = self.step()
                if outcome.again_after is not None:
                    outcome = self._again(outcome, mark - _INSTANT if mark is not None else self.context.now + AFTER_THE_END)
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
        """Record a failed step. The next step begins like the first of a new process: nothing read before is used."""
        self.first = True
        self.context.forget()
        self.failures.setdefault(cause_of(error), error)

    def wait_until(self, moment: datetime) -> None:
        """Sleep on the world's clock; a virtual clock moves at once. Raises Interrupted, or Fenced if the claim is lost."""
        clock = self.context.world.clock
        if clock.virtual:
            clock.sleep((moment - clock.now()).total_seconds())
            return
        while (left := (moment - clock.now()).total_seconds()) > 0:
            self.stop.raise_if_requested()
            if self.heartbeat is not None:
                self.heartbeat.check()
            clock.sleep(min(left, _SLICE))
