"""Write the end of an execution: completed, released until its next step, interrupted, blocked or failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tradectl.errors import Blocked, DatabaseError, Interrupted, TradectlError
from tradectl.ledger.executions import Claim, Fenced
from tradectl.model.message_kind import MessageKind, kind_of_failure
from tradectl.model.moment import to_ist
from tradectl.runtime.outcomes import Report, gravity_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tradectl.runtime.admission import JobRequest
    from tradectl.runtime.stepping import Stepping
    from tradectl.task import Task
    from tradectl.world import World

REFUSED, UNKNOWN = 11, 7
"""Exit codes: an order was refused or a position has no sell; an order's outcome is unknown."""
_JSON = json.JSONEncoder(sort_keys=True, default=str)


class ExecutionEnds:
    """Writes the ends of one runner's executions, with their log lines and messages.

    `warnings`: the list to which news about unreadable rows is added."""

    def __init__(self, world: World, tasks: Sequence[Task], warnings: list[str]) -> None:
        self._world = world
        self._tasks = tasks
        self._warnings = warnings

    def report_blocked(self, request: JobRequest, text: str) -> None:
        """Log a blocked slot and send a message, once for each slot: a blocked slot is tried again every minute."""
        ledger, now = self._world.ledger, self._world.clock.now()
        with ledger.database.note():
            key = f"blocked:{request.window.name}:{request.session}"
            if ledger.outbox.add(now, f"{request.window.name} is blocked", text, key, kind=MessageKind.TASK_FAILED):
                ledger.logs.append(now, "error", "task_blocked", text, task=request.task.name)

    def write(self, request: JobRequest, claim: Claim, work: Stepping, *, done: bool) -> Report:
        code = UNKNOWN if work.unknown else REFUSED if work.refused or work.unprotected or work.stopped_rows else 0
        code = max([code, *(error.exit_code for error in work.failures.values())], key=gravity_of)
        blocked = max(Blocked.exit_code, code, key=gravity_of)
        if work.blocked and (done or request.window.every is None):
            return self.write_failure(request, claim, work, work.blocked, blocked, outcome="blocked")
        if work.missing:
            code = max([code, *(error.exit_code for error in work.missing)], key=gravity_of)
            return self.write_failure(request, claim, work, "; ".join(map(str, work.missing)), code)
        ledger, now = self._world.ledger, self._world.clock.now()
        self._warnings += work.take_odd_news()
        failures = map(step_failed, work.failures.values())
        text, error = _summary(request, work, done=done), "; ".join([*work.unprotected, *work.stopped_rows, *failures])
        with ledger.database.note():
            if done:
                ledger.executions.finish(claim, "completed", work.result, now=now, steps=work.steps)
            else:
                ledger.executions.release(claim, work.steps, work.result)
            if done or work.changed:
                level = "warning" if code else "info"
                ledger.logs.append(now, level, "task_completed" if done else "task_stepped", text, task=request.task.name)
            self._note_virtual_time(now)
        if work.blocked:  # the monitor continues: its next step repeats what a halt stopped
            self.report_blocked(request, work.blocked)
            why = "; ".join(filter(None, (work.blocked, error)))
            text = f"{request.window.name} blocked: {why}"
            return request.report("blocked", text, blocked, result=work.result, error=why, unprotected=work.unprotected)
        return request.report(
            "completed", text, code, result=work.result, error=error, refused=work.refused, unprotected=work.unprotected
        )

    def write_interrupt(self, request: JobRequest, claim: Claim, work: Stepping, error: Interrupted) -> Report:
        """Release the claim with what was done: the next command continues from there."""
        ledger, now = self._world.ledger, self._world.clock.now()
        with ledger.database.note():
            ledger.executions.release(claim, work.steps, work.result)
            ledger.logs.append(now, "warning", "task_interrupted", f"{request.window.name}: {error}", task=request.task.name)
            self._note_virtual_time(now)
        return request.report("failed", str(error), error.exit_code, result=work.result, error=str(error))

    def write_failure(
        self,
        request: JobRequest,
        claim: Claim,
        work: Stepping,
        text: str,
        exit_code: int,
        *,
        outcome: str = "failed",
        detail: str = "",
    ) -> Report:
        """Write the failure and send a message. If the database fails too, the report names both errors.

        An order of unknown outcome is graver than the error that ended the work."""
        ledger, now, name = self._world.ledger, self._world.clock.now(), request.window.name
        try:
            with ledger.database.note():
                ledger.executions.finish(claim, "failed", work.result, error=text, now=now, steps=work.steps)
                ledger.logs.append(now, "error", f"task_{outcome}", detail or f"{name}: {text}", task=request.task.name)
                key = f"{outcome}:{name}:{request.session}:{text}"[:96]
                kind = kind_of_failure(exit_code)
                waiting = [task.name for task in self._tasks if request.task.name in task.needs]
                more = f". {' and '.join(waiting)} cannot run until it completes" if waiting else ""
                body = f"{name} of {request.session}: {text.rstrip('.')}{more}"
                ledger.outbox.add(now, f"{name} {outcome}", body, key, kind=kind)
                self._note_virtual_time(now)
            exit_code = max(exit_code, self._unknown(work), key=gravity_of)
        except Fenced as fenced:  # another process does this work now
            return request.report("blocked", str(fenced), fenced.exit_code, error=str(fenced))
        except DatabaseError as unwritten:
            text = f"{text}; and the failure could not be stored: {unwritten}"
        return request.report(outcome, f"{name} {outcome}: {text}", exit_code, result=work.result, error=text)

    def _unknown(self, work: Stepping) -> int:
        """Return 7 where this run leaves an order of unknown outcome, 0 where it leaves none or sent nothing."""
        book = self._world.ledger.book
        sent = work.context.trading_sessions and book.unresolved(book.snapshot().orders, self._world.clock.machine_now())
        return UNKNOWN if sent else 0

    def _note_virtual_time(self, now: datetime) -> None:
        """Store the time of the last event, before which a home on a virtual clock accepts no command."""
        if self._world.clock.virtual:
            self._world.ledger.info.set("last_event_at", now.isoformat())


def step_failed(error: TradectlError) -> str:
    """Return the line about a step that failed while the loop went on."""
    return f"a step failed: {str(error).rstrip('.') or type(error).__name__}"


def _summary(request: JobRequest, work: Stepping, *, done: bool) -> str:
    state = "completed" if done else f"is open until {to_ist(request.window.closes):%H:%M}"
    counts = _JSON.encode(dict(work.result))
    return f"{request.window.name} of {request.session} {state}, steps {work.steps}: {counts}"
