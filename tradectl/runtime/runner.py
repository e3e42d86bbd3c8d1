"""Whether a task may run now, and running it: the row is written before the work, beaten while it goes on, finished after it.

Live, paper and simulated trading, cron, daemon and the command line all come through `Runner.run`. Each "no" has its own
name; the database has the last word on who works.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from tradectl.errors import Blocked, DatabaseError, Interrupted, TradectlError, UsageError
from tradectl.ledger.executions import AlreadyDone, Claim, Fenced, Held, this_owner
from tradectl.ledger.schedules import ScheduleRow, declared
from tradectl.model.moment import ist_date, to_ist
from tradectl.ports import Tell, silence
from tradectl.runtime.admission import Order, admit, find_window, missed_report, with_wishes
from tradectl.runtime.clock_watch import watch
from tradectl.runtime.delivery import deliver
from tradectl.runtime.exposure import MONITOR, announce_unprotected
from tradectl.runtime.halting import follow_marker
from tradectl.runtime.heartbeat import Heartbeat
from tradectl.runtime.interrupt import Stop, stop_on_signals
from tradectl.runtime.outcomes import Report, gravity_of
from tradectl.runtime.provisional import admit_today, note_today, warn
from tradectl.runtime.stepping import AFTER_THE_END, Progress, Stepping, cause_of
from tradectl.runtime.sweep import next_sweep, sweep
from tradectl.task import Context, Task, World

REFUSED, UNKNOWN, BUG = 11, 7, 1


class Runner:
    """Runs tasks for one user. `stop`: handlers that somebody else has set up; by default each run has its own. `owner`: who
    claims, this process unless a drill plays another. `watch` is told how far long work is."""

    def __init__(
        self,
        world: World,
        tasks: Sequence[Task],
        *,
        trigger: str,
        progress: Progress | None = None,
        stop: Stop | None = None,
        owner: str | None = None,
        watch: Tell = silence,
    ) -> None:
        self.world = world
        self.tasks = tuple(tasks)
        self.trigger = trigger
        self.progress = progress
        self.stop = stop
        self.watch = watch
        self.owner = owner or this_owner()
        self._created: datetime | None = None
        self._sweep_at: datetime | None = None
        self._swept_on: date | None = None
        self._noted_on: date | None = None
        self._swept_rows: Mapping[str, ScheduleRow] = {}
        self._looked_at: datetime | None = None
        self._warnings: list[str] = []

    def run(
        self,
        task: Task,
        *,
        session: date | None = None,
        slot: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        once: bool = False,
        until: datetime | None = None,
        every: int | None = None,
    ) -> Report:
        """Run a task, or say why not; only UsageError is raised. `until` and `every` are for continuous tasks: `until` cuts
        the loop earlier (inclusive; the row is released), `every` is in seconds. A dry run writes nothing and is one step."""
        day = session or ist_date(self.world.clock.now())
        missed: tuple[str, ...] = ()
        try:
            if not dry_run:
                follow_marker(self.world)
            rows = self.rows(seed=not dry_run)
            if not dry_run:
                self.watch_clock()
            missed = () if dry_run else self.sweep(rows)
            window = find_window(self.world, task, rows[task.name], day, slot)
            if isinstance(window, Report):
                report = window
            else:
                window = with_wishes(window, every, until, self.world.clock.now())
                report = self._admitted(Order(task, day, window, force, dry_run, once or dry_run, until))
        except UsageError:
            raise
        except TradectlError as error:
            report = Report(task.name, day, slot or "", "failed", error.exit_code, error=str(error), message=str(error))
        if not dry_run:
            report = self._with_unprotected(report)
            self.deliver()
        return replace(report, missed=missed, message=_with_missed(report.message, missed), warnings=self.take_warnings())

    def rows(self, *, seed: bool = True) -> dict[str, ScheduleRow]:
        """The schedule rows by task; a task that is new to this database gets its own (with `seed`, in the database too)."""
        schedules = self.world.ledger.schedules
        rows = {row.task: row for row in schedules.list()}
        missing = [task for task in self.tasks if task.name not in rows]
        if missing and seed:
            schedules.seed(missing)
        return rows | {task.name: declared(self.world.user, task) for task in missing}

    def sweep(self, rows: Mapping[str, ScheduleRow]) -> tuple[str, ...]:
        """Record what was missed, where something can have been since this runner looked last."""
        now = self.world.clock.now()
        try:
            admitted = admit_today(self.world)
        except TradectlError:  # the broker cannot be read: the missing list is what a person can mend
            warn(self.world)
            raise
        if admitted and self._noted_on != ist_date(now):
            note_today(self.world)
            self._noted_on, self._sweep_at = ist_date(now), None
        if self._looked_at is not None and now < self._looked_at:
            self._sweep_at = self._swept_on = None
        self._looked_at = now
        if self._sweep_at is not None and now < self._sweep_at and rows == self._swept_rows:
            return ()
        warn(self.world)
        if self._created is None:
            self._created = self.world.ledger.users.get(self.world.user).created_at
        missed = sweep(self.world, self.tasks, rows, self.trigger, since=self._created, looked=self._swept_on)
        self._swept_on = today = ist_date(now)
        known = today <= self.world.sessions.last
        session = self.world.sessions.session(today) if known else None
        self._sweep_at = next_sweep(self.tasks, rows, session, today, now)
        self._swept_rows = rows
        return missed

    def watch_clock(self) -> None:
        """Record a jump of the machine's clock, and keep the line about it for the report."""
        self._warnings += watch(self.world, self.tasks)

    def _with_unprotected(self, report: Report) -> Report:
        """Add the positions that no live sell covers now, and announce them, whichever task has run: exit 11 unless it is graver.
        A sell monitor that has completed has read the broker, and knows more than the ledger."""
        if report.task == MONITOR and report.outcome == "completed":
            return report
        try:
            found = [item.text for item in announce_unprotected(self.world)]
        except TradectlError as error:
            if not report.exit_code:
                self._warnings.append(f"whether every open position has a sell order is not known: {error}")
            return report
        new = [line for line in found if line not in report.unprotected]
        if report.unprotected or not new:
            return report
        code = max(report.exit_code, REFUSED, key=gravity_of)
        text = "; ".join(filter(None, (report.error, *new)))
        return replace(report, exit_code=code, error=text, unprotected=tuple(new))

    def take_warnings(self) -> tuple[str, ...]:
        """Return the lines that no report has had yet."""
        taken, self._warnings = tuple(self._warnings), []
        return taken

    def deliver(self) -> None:
        """Send what waits. A ledger that fails here changes no report: the message stays in the outbox."""
        with suppress(DatabaseError):
            deliver(self.world)

    # -- running it ------------------------------------------------------------------------------------------------------

    def _admitted(self, order: Order) -> Report:
        refusal = admit(self.world, order)
        if refusal is not None:
            if refusal.outcome == "blocked" and not order.dry_run:
                self.tell_blocked(order, refusal.error)
            return refusal
        return self._dry(order) if order.dry_run else self._claimed(order)

    def tell_blocked(self, order: Order, text: str) -> None:
        """Loudly, but once for each slot: it will be asked again every minute."""
        ledger, now = self.world.ledger, self.world.clock.now()
        with ledger.database.note():
            key = f"blocked:{order.window.name}:{order.session}"
            if ledger.outbox.add(now, f"{order.window.name} is blocked", text, key):
                ledger.logs.append(now, "error", "task_blocked", text, task=order.task.name)

    def _claimed(self, order: Order) -> Report:
        clock, name = self.world.clock, order.window.name
        claim = self.world.ledger.executions.claim(
            order.task.name,
            order.session,
            order.window.slot,
            owner=self.owner,
            trigger=self.trigger,
            machine_now=clock.machine_now(),
            now=clock.now(),
            force=order.force,
            repeatable=None if clock.virtual else order.task.repeatable,
        )
        if isinstance(claim, Held):
            return order.report("busy", f"{name} of {order.session} is being worked on by {claim.owner}")
        if isinstance(claim, AlreadyDone):
            if claim.status == "missed":
                return missed_report(order)
            return order.report("already_completed", f"{name} of {order.session} has completed")
        return self._worked(order, claim)

    def _worked(self, order: Order, claim: Claim) -> Report:
        """Do the work under the claim and write its end, whatever that is."""
        context = Context(self.world, order.session, order.window.slot, claim, progress=self.watch)
        with stop_on_signals() if self.stop is None else nullcontext(self.stop) as stop:
            heartbeat = Heartbeat(self.world.ledger.executions, claim, self.world.clock)
            work = Stepping(order.task, context, stop, heartbeat, self.progress)
            if order.window.every is not None:
                work.steps, work.result = claim.steps, claim.result
            try:
                with heartbeat:
                    done = self._through(order, work, claim)
                return self._ended(order, claim, work, done=done)
            except Fenced as error:
                return order.report("blocked", str(error), error.exit_code, error=str(error))
            except Interrupted as error:
                return self._interrupted(order, claim, work, error)
            except Blocked as error:
                return self._failed(order, claim, work, str(error), error.exit_code, outcome="blocked")
            except TradectlError as error:
                return self._failed(order, claim, work, str(error), error.exit_code)
            except Exception as error:  # noqa: BLE001 - the outermost place: a bug in a task must end its row, with its traceback
                text = f"{type(error).__name__}: {error}"
                return self._failed(order, claim, work, text, BUG, detail=traceback.format_exc())

    def _through(self, order: Order, work: Stepping, claim: Claim) -> bool:
        """Whether the execution is complete after this."""
        window, now = order.window, self.world.clock.now()
        if window.every is None:
            work.settle(window.closes if now < window.closes else now + AFTER_THE_END)
            return True
        return work.through(window, until=order.until, once=order.once, watch=_Loop(self, order, claim))

    def _ended(self, order: Order, claim: Claim, work: Stepping, *, done: bool) -> Report:
        code = UNKNOWN if work.unknown else REFUSED if work.refused or work.unprotected or work.stopped_rows else 0
        code = max([code, *(error.exit_code for error in work.failures.values())], key=gravity_of)
        blocked = max(Blocked.exit_code, code, key=gravity_of)
        if work.blocked and (done or order.window.every is None):
            return self._failed(order, claim, work, work.blocked, blocked, outcome="blocked")
        ledger, now = self.world.ledger, self.world.clock.now()
        self._warnings += work.take_odd_news()
        failures = map(step_failed, work.failures.values())
        text, error = _told(order, work, done=done), "; ".join([*work.unprotected, *work.stopped_rows, *failures])
        with ledger.database.note():
            if done:
                ledger.executions.finish(claim, "completed", work.result, now=now, steps=work.steps)
            else:
                ledger.executions.release(claim, work.steps, work.result)
            if done or work.changed:
                level = "warning" if code else "info"
                ledger.logs.append(now, level, "task_completed" if done else "task_stepped", text, task=order.task.name)
            self._note_virtual_time(now)
        if work.blocked:  # a monitor goes on: its next step offers again what a halt stopped
            self.tell_blocked(order, work.blocked)
            why = "; ".join(filter(None, (work.blocked, error)))
            text = f"{order.window.name} blocked: {why}"
            return order.report("blocked", text, blocked, result=work.result, error=why, unprotected=work.unprotected)
        return order.report(
            "completed", text, code, result=work.result, error=error, refused=work.refused, unprotected=work.unprotected
        )

    def _interrupted(self, order: Order, claim: Claim, work: Stepping, error: Interrupted) -> Report:
        """The claim goes back as it is: the next command goes on with it."""
        ledger, now = self.world.ledger, self.world.clock.now()
        with ledger.database.note():
            ledger.executions.release(claim, work.steps, work.result)
            ledger.logs.append(now, "warning", "task_interrupted", f"{order.window.name}: {error}", task=order.task.name)
            self._note_virtual_time(now)
        return order.report("failed", str(error), error.exit_code, result=work.result, error=str(error))

    def _failed(
        self,
        order: Order,
        claim: Claim,
        work: Stepping,
        text: str,
        exit_code: int,
        *,
        outcome: str = "failed",
        detail: str = "",
    ) -> Report:
        """Write the failure and tell it; where even that fails, the report still tells both. An order of unknown outcome is
        graver than what ended the work."""
        ledger, now, name = self.world.ledger, self.world.clock.now(), order.window.name
        try:
            with ledger.database.note():
                ledger.executions.finish(claim, "failed", work.result, error=text, now=now, steps=work.steps)
                ledger.logs.append(now, "error", f"task_{outcome}", detail or f"{name}: {text}", task=order.task.name)
                key = f"{outcome}:{name}:{order.session}:{text}"[:96]
                ledger.outbox.add(now, f"{name} {outcome}", f"{name} of {order.session}: {text}", key)
                self._note_virtual_time(now)
            exit_code = max(exit_code, self._unknown(work), key=gravity_of)
        except Fenced as fenced:  # whatever went wrong then, others do this work now
            return order.report("blocked", str(fenced), fenced.exit_code, error=str(fenced))
        except DatabaseError as unwritten:
            text = f"{text}; and it could not be written down: {unwritten}"
        return order.report(outcome, f"{name} {outcome}: {text}", exit_code, result=work.result, error=text)

    def _unknown(self, work: Stepping) -> int:
        """Return 7 where this run leaves an order of unknown outcome, 0 where it leaves none or sent nothing."""
        book = self.world.ledger.book
        sent = work.context.trading_sessions and book.unresolved(book.snapshot().orders, self.world.clock.machine_now())
        return UNKNOWN if sent else 0

    def _dry(self, order: Order) -> Report:
        """One step that sends and writes nothing."""
        claim = Claim.none(self.world.user, order.task.name, order.session, order.window.slot)
        context = Context(self.world, order.session, order.window.slot, claim, dry_run=True, progress=self.watch)
        outcome = Stepping(order.task, context, self.stop or Stop(), None, self.progress).step()
        if outcome.blocked:
            return order.report("blocked", outcome.blocked, Blocked.exit_code, result=outcome.result, error=outcome.blocked)
        return order.report("completed", f"dry run of {order.window.name}: nothing was sent", result=outcome.result)

    def _note_virtual_time(self, now: datetime) -> None:
        """A home on a virtual clock is never asked again for a time before its last event."""
        if self.world.clock.virtual:
            self.world.ledger.info.set("last_event_at", now.isoformat())


@dataclass(frozen=True, slots=True)
class _Loop:
    """What the runner does between the steps of a continuous task."""

    runner: Runner
    order: Order
    claim: Claim
    told: set[str] = field(default_factory=set)

    def noted(self, work: Stepping) -> None:
        world = self.runner.world
        world.ledger.executions.beat(self.claim, world.clock.machine_now(), steps=work.steps, result=work.result)
        if work.blocked:
            self.runner.tell_blocked(self.order, work.blocked)
        if work.blocked or work.unprotected or work.stopped_rows:
            self.runner.deliver()

    def failed(self, error: TradectlError) -> None:
        """Write the failure to the log and send a message, once for each cause."""
        cause = cause_of(error)
        if cause in self.told:
            return
        self.told.add(cause)
        ledger, now, name = self.runner.world.ledger, self.runner.world.clock.now(), self.order.window.name
        text = (
            f"{name} of {self.order.session}: {step_failed(error)}. It goes on at its next step; resting orders stay as they are"
        )
        with ledger.database.note():
            ledger.logs.append(now, "error", "step_failed", text, task=self.order.task.name)
            ledger.outbox.add(now, f"{name}: a step failed", text, f"step:{name}:{self.order.session}:{cause}"[:96])
        self.runner.deliver()

    def at_mark(self) -> None:
        """Let the ledger follow a halt that another process could set in the marker alone."""
        follow_marker(self.runner.world)


def step_failed(error: TradectlError) -> str:
    """Return the line about a step that failed while the loop went on."""
    return f"a step failed: {str(error).rstrip('.') or type(error).__name__}"


def _told(order: Order, work: Stepping, *, done: bool) -> str:
    state = "completed" if done else f"is open until {to_ist(order.window.closes):%H:%M}"
    counts = json.dumps(dict(work.result), sort_keys=True, default=str)
    return f"{order.window.name} of {order.session} {state}, steps {work.steps}: {counts}"


def _with_missed(message: str, missed: Sequence[str]) -> str:
    return f"{message}; missed: {', '.join(missed)}" if missed else message
