"""Run tasks: write the execution's row before the work, renew its lease during the work, and write its end afterwards.

Live, paper and simulated trading, cron, daemon and the command line all use `Runner.run`. Each refusal is a report with its own
outcome. The claim in the database decides which process works.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tradectl.errors import Blocked, DatabaseError, Interrupted, TradectlError, UsageError
from tradectl.ledger.executions import AlreadyDone, Claim, Fenced, Held, standing
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.schedules import ScheduleRow, declared
from tradectl.model.message_kind import MessageKind, kind_of_failure
from tradectl.model.moment import ist_date, to_ist
from tradectl.ports import Tell, silence
from tradectl.runtime.admission import JobRequest, admit, find_window, missed_report, with_options
from tradectl.runtime.agenda import windows
from tradectl.runtime.clock_watch import watch
from tradectl.runtime.exposure import MONITOR, announce_unprotected
from tradectl.runtime.halting import follow_marker
from tradectl.runtime.interrupt import Stop, stop_on_signals
from tradectl.runtime.missed_slots import next_window_end, record_missed, shortened
from tradectl.runtime.outcomes import Report, gravity_of
from tradectl.runtime.provisional import admit_today, note_today, warn
from tradectl.runtime.stepping import AFTER_THE_END, Heartbeat, Progress, Stepping, cause_of
from tradectl.task import Context, Task, World

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.runtime.agenda import Window

REFUSED, UNKNOWN, BUG = 11, 7, 1
"""Exit codes: an order was refused or a position has no sell; an order's outcome is unknown; an unexpected error."""
RETRY_DELIVERY = timedelta(minutes=5)
"""How long a loop does not try to send messages after no service accepted one."""
_JSON = json.JSONEncoder(sort_keys=True, default=str)
LONG_FETCH = timedelta(hours=6)
"""How long a forced fetch may go on after its window: a new home has years to fetch."""
PAUSE = 0.5
"""Seconds between two tries to begin a loop while another process does a single step."""


class Runner:
    """Runs tasks for one user.

    Attributes:
        stop: Signal handlers of the caller; by default each run sets up its own.
        owner: The process identity of the claims; by default that of this process.
        progress: Called after each step.
        watch: Called with the progress of long work.
    """

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
        self.tasks = tuple(task for task in tasks if task.runs_on(world.clock))
        self.trigger = trigger
        self.progress = progress
        self.stop = stop
        self.watch = watch
        self.owner = owner or current_identity()
        self._created: datetime | None = None
        self._next_check_at: datetime | None = None
        self._checked_on: date | None = None
        self._noted_on: date | None = None
        self._checked_rows: Mapping[str, ScheduleRow] = {}
        self._checked_at: datetime | None = None
        self._windows: tuple[Session | None, Mapping[str, ScheduleRow], Sequence[Window]] = (None, {}, ())
        self._warnings: list[str] = []
        self._failed_at: datetime | None = None
        self._started = False

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
        more_follows: bool = False,
    ) -> Report:
        """Run a task, or report why it does not run. Raises UsageError and no other error.

        Args:
            session: The session; today by default.
            slot: The slot; by default the slot whose window is open.
            once: Do one step of a continuous task.
            until: Leave a continuous task's loop at this moment (inclusive) and release its claim.
            every: Seconds between the steps of a continuous task.
            dry_run: Do one step that sends and writes nothing.
            more_follows: The caller runs more tasks, and calls `finish_pings` after the last.
        """
        day = session or ist_date(self.world.clock.now())
        missed: tuple[str, ...] = ()
        if not task.runs_on(self.world.clock):
            raise UsageError(
                f"{task.name} fetches what is published today, and this home has a virtual clock: nothing was fetched. "
                "`tradectl data fetch --since DATE` and `tradectl data import` bring the past"
            )
        try:
            if not dry_run:
                follow_marker(self.world)
            rows = self.rows(seed=not dry_run)
            if not dry_run:
                self.watch_clock()
            missed = () if dry_run else self.record_missed(rows)
            window = find_window(self.world, task, rows[task.name], day, slot)
            if isinstance(window, Report):
                report = window
            else:
                window = with_options(window, every, until, self.world.clock.now())
                report = self._run_when_free(JobRequest(task, day, window, force, dry_run, once or dry_run, until))
        except UsageError:
            raise
        except TradectlError as error:
            report = Report(task.name, day, slot or "", "failed", error.exit_code, error=str(error), message=str(error))
        if not dry_run:
            report = self._add_unprotected(report)
            self.deliver()
            self._ping_end(report)
            if not more_follows:
                self.finish_pings()
        return replace(report, missed=missed, message=_with_missed(report.message, missed), warnings=self.take_warnings())

    def rows(self, *, seed: bool = True) -> dict[str, ScheduleRow]:
        """Return the schedule rows by task. A task without a row gets its declared schedule, with `seed` in the database too."""
        schedules = self.world.ledger.schedules
        rows = {row.task: row for row in schedules.list()}
        missing = [task for task in self.tasks if task.name not in rows]
        if missing and seed:
            schedules.seed(missing)
        return rows | {task.name: declared(self.world.user, task) for task in missing}

    def record_missed(self, rows: Mapping[str, ScheduleRow]) -> tuple[str, ...]:
        """Record the slots that were missed since this runner's last check; return their names.

        On a weekday beyond the list of holidays, first find out whether today is a provisional session. Raises the broker's
        errors."""
        now = self.world.clock.now()
        try:
            admitted = admit_today(self.world)
        except TradectlError:  # without the broker only a list of holidays helps
            warn(self.world)
            raise
        if admitted and self._noted_on != ist_date(now):
            note_today(self.world)
            self._noted_on, self._next_check_at = ist_date(now), None
        if self._checked_at is not None and now < self._checked_at:
            self._next_check_at = self._checked_on = None
        self._checked_at = now
        if self._next_check_at is not None and now < self._next_check_at and rows == self._checked_rows:
            return ()
        warn(self.world)
        if self._created is None:
            self._created = self.world.ledger.users.get(self.world.user).created_at
        windows_of = partial(self._windows_of, rows)
        missed = record_missed(self.world, self.tasks, windows_of, self.trigger, since=self._created, checked_on=self._checked_on)
        self._checked_on = today = ist_date(now)
        known = today <= self.world.sessions.last
        session = self.world.sessions.session(today) if known else None
        self._next_check_at = next_window_end(windows_of(session) if session is not None and session.runs else (), today, now)
        self._checked_rows = rows
        return missed

    def _windows_of(self, rows: Mapping[str, ScheduleRow], session: Session) -> Sequence[Window]:
        """Return the windows of a session, computed once for the same schedule."""
        if self._windows[:2] != (session, rows):
            self._windows = session, rows, windows(self.tasks, rows, session)
        return self._windows[2]

    def watch_clock(self) -> None:
        """Record a jump of the machine's clock, and keep the line about it for the report."""
        self._warnings += watch(self.world, self.tasks)

    def _add_unprotected(self, report: Report) -> Report:
        """Announce the positions that no live sell covers now, and add them to the report: exit 11 unless its code is graver.

        A sell monitor that has completed has read the broker, so its own report counts."""
        if report.task == MONITOR and report.outcome == "completed":
            return report
        try:
            found = [item.text for item in announce_unprotected(self.world)]
        except TradectlError as error:
            if not report.exit_code:
                self._warnings.append(f"open positions could not be checked for a live sell order: {error}")
            return report
        new = [line for line in found if line not in report.unprotected]
        if report.unprotected or not new:
            return report
        code = max(report.exit_code, REFUSED, key=gravity_of)
        text = "; ".join(filter(None, (report.error, *new)))
        return replace(report, exit_code=code, error=text, unprotected=tuple(new))

    def take_warnings(self) -> tuple[str, ...]:
        """Return the warnings that no report has shown yet."""
        taken, self._warnings = tuple(self._warnings), []
        return taken

    def deliver(self) -> None:
        """Send the waiting messages. An error of the ledger changes no report: the messages stay in the outbox."""
        outbox = self.world.ledger.outbox
        with suppress(DatabaseError):
            outbox.deliver(self.world.notifier, self.world.clock)
            self._failed_at = self.world.clock.now() if outbox.failed else None

    def deliver_between_steps(self) -> None:
        """Send the waiting messages, unless no service accepted one in the last minutes: each try delays the next step."""
        if self._failed_at is None or abs(self.world.clock.now() - self._failed_at) >= RETRY_DELIVERY:
            self.deliver()

    def _ping_end(self, report: Report) -> None:
        """Report the end of a run to the dead-man's switch, also that a day without a session needs no run."""
        started, self._started = self._started, False
        if self.world.pings is None or not (started or report.outcome == "not_a_session"):
            return
        text = f"{report.task} {report.slot}".strip() + f": {report.outcome}, exit code {report.exit_code}"
        self.world.pings.end(report.task, report.exit_code, text)

    def finish_pings(self) -> None:
        """Wait some seconds for the replies of the dead-man's switch: no task waits for them.

        A ping that did not arrive is logged once for each day and cause, and changes nothing else."""
        trouble = self.world.pings.finish() if self.world.pings is not None else ""
        if trouble:
            now, key = self.world.clock.now(), f"ping_failed.{self.world.user}"[:64]
            with suppress(DatabaseError):
                if self.world.ledger.info.get(key) != (seen := f"{ist_date(now)} {trouble}"):
                    self.world.ledger.info.set(key, seen)
                    line = f"{trouble}: the dead-man's switch may report a task as missing; the tasks are not affected"
                    self.world.ledger.logs.append(now, "warning", "ping_failed", line)

    # -- running it ------------------------------------------------------------------------------------------------------

    def _run_when_free(self, request: JobRequest) -> Report:
        """Run the request; a loop waits for the end of another process's single step.

        Cron starts the monitor's own line and `run-due`, which does one step, in the same second. Without the wait the monitor
        would be a new process each minute all day when `run-due` is first."""
        report = self._admit_and_run(request)
        while report.outcome == "busy" and request.loops and not self.world.clock.virtual and not self._loops_elsewhere(request):
            self.world.clock.sleep(PAUSE)
            report = self._admit_and_run(request)
        return report

    def _loops_elsewhere(self, request: JobRequest) -> bool:
        """Return whether another process holds the slot for more than one step."""
        executions = self.world.ledger.executions
        row = executions.get(request.task.name, request.session, request.window.slot)
        held = row is not None and standing(row, self.world.clock.machine_now(), executions.lease) == "held"
        return held and not (row and row.one_step)

    def _admit_and_run(self, request: JobRequest) -> Report:
        refusal = admit(self.world, request)
        if refusal is not None:
            if refusal.outcome == "blocked" and not refusal.caused_by and not request.dry_run:
                self.report_blocked(request, refusal.error)
            return refusal
        return self._dry_run(request) if request.dry_run else self._claim_and_run(request)

    def report_blocked(self, request: JobRequest, text: str) -> None:
        """Log a blocked slot and send a message, once for each slot: a blocked slot is tried again every minute."""
        ledger, now = self.world.ledger, self.world.clock.now()
        with ledger.database.note():
            key = f"blocked:{request.window.name}:{request.session}"
            if ledger.outbox.add(now, f"{request.window.name} is blocked", text, key, kind=MessageKind.TASK_FAILED):
                ledger.logs.append(now, "error", "task_blocked", text, task=request.task.name)

    def _claim_and_run(self, request: JobRequest) -> Report:
        clock, name = self.world.clock, request.window.name
        claim = self.world.ledger.executions.claim(
            request.task.name,
            request.session,
            request.window.slot,
            owner=self.owner,
            trigger=self.trigger,
            machine_now=clock.machine_now(),
            now=clock.now(),
            force=request.force,
            one_step=request.window.every is not None and request.once,
            repeatable=None if clock.virtual else request.task.repeatable,
        )
        if isinstance(claim, Held):
            return request.report("busy", f"{name} of {request.session} is being run by {claim.owner}")
        if isinstance(claim, AlreadyDone):
            if claim.status == "missed":
                return missed_report(request)
            return request.report("already_completed", f"{name} of {request.session} has completed")
        if self.world.pings is not None:
            self.world.pings.start(request.task.name)
            self._started = True
        return self._run_claimed(request, claim)

    def _run_claimed(self, request: JobRequest, claim: Claim) -> Report:
        """Do the work under the claim and write its end, failure or interrupt."""
        context = Context(self.world, request.session, request.window.slot, claim, progress=self.watch)
        with stop_on_signals() if self.stop is None else nullcontext(self.stop) as stop:
            context.look = stop.raise_if_requested
            heartbeat = Heartbeat(self.world.ledger.executions, claim, self.world.clock)
            work = Stepping(request.task, context, stop, heartbeat, self.progress)
            if request.window.every is not None:
                work.steps, work.result = claim.steps, claim.result
            try:
                with heartbeat:
                    done = self._through(request, work, claim)
                return self._write_end(request, claim, work, done=done)
            except Fenced as error:
                return request.report("blocked", str(error), error.exit_code, error=str(error))
            except Interrupted as error:
                return self._write_interrupt(request, claim, work, error)
            except Blocked as error:
                return self._write_failure(request, claim, work, str(error), error.exit_code, outcome="blocked")
            except TradectlError as error:
                return self._write_failure(request, claim, work, str(error), error.exit_code)
            except Exception as error:  # noqa: BLE001 - the outermost place: a bug in a task must end its row, with its traceback
                text = f"{type(error).__name__}: {error}"
                return self._write_failure(request, claim, work, text, BUG, detail=traceback.format_exc())

    def _through(self, request: JobRequest, work: Stepping, claim: Claim) -> bool:
        """Step through the window; return whether the execution is complete."""
        window, now = request.window, self.world.clock.now()
        if window.every is None:
            beyond = LONG_FETCH if request.task.real_time else AFTER_THE_END
            work.settle(window.closes if now < window.closes else now + beyond)
            return True
        return work.through(window, until=request.until, once=request.once, watch=_Loop(self, request, claim))

    def _write_end(self, request: JobRequest, claim: Claim, work: Stepping, *, done: bool) -> Report:
        code = UNKNOWN if work.unknown else REFUSED if work.refused or work.unprotected or work.stopped_rows else 0
        code = max([code, *(error.exit_code for error in work.failures.values())], key=gravity_of)
        blocked = max(Blocked.exit_code, code, key=gravity_of)
        if work.blocked and (done or request.window.every is None):
            return self._write_failure(request, claim, work, work.blocked, blocked, outcome="blocked")
        if work.missing:
            code = max([code, *(error.exit_code for error in work.missing)], key=gravity_of)
            return self._write_failure(request, claim, work, "; ".join(map(str, work.missing)), code)
        ledger, now = self.world.ledger, self.world.clock.now()
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

    def _write_interrupt(self, request: JobRequest, claim: Claim, work: Stepping, error: Interrupted) -> Report:
        """Release the claim with what was done: the next command continues from there."""
        ledger, now = self.world.ledger, self.world.clock.now()
        with ledger.database.note():
            ledger.executions.release(claim, work.steps, work.result)
            ledger.logs.append(now, "warning", "task_interrupted", f"{request.window.name}: {error}", task=request.task.name)
            self._note_virtual_time(now)
        return request.report("failed", str(error), error.exit_code, result=work.result, error=str(error))

    def _write_failure(
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
        ledger, now, name = self.world.ledger, self.world.clock.now(), request.window.name
        try:
            with ledger.database.note():
                ledger.executions.finish(claim, "failed", work.result, error=text, now=now, steps=work.steps)
                ledger.logs.append(now, "error", f"task_{outcome}", detail or f"{name}: {text}", task=request.task.name)
                key = f"{outcome}:{name}:{request.session}:{text}"[:96]
                kind = kind_of_failure(exit_code)
                waiting = [task.name for task in self.tasks if request.task.name in task.needs]
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
        book = self.world.ledger.book
        sent = work.context.trading_sessions and book.unresolved(book.snapshot().orders, self.world.clock.machine_now())
        return UNKNOWN if sent else 0

    def _dry_run(self, request: JobRequest) -> Report:
        """Do one step that sends and writes nothing."""
        claim = Claim.none(self.world.user, request.task.name, request.session, request.window.slot)
        context = Context(self.world, request.session, request.window.slot, claim, dry_run=True, progress=self.watch)
        outcome = Stepping(request.task, context, self.stop or Stop(), None, self.progress).step()
        result = {**outcome.result, "dry_run": True, "would_send": context.would_send()}
        if outcome.blocked:
            return request.report("blocked", outcome.blocked, Blocked.exit_code, result=result, error=outcome.blocked)
        return request.report("completed", f"dry run of {request.window.name}: nothing was sent", result=result)

    def _note_virtual_time(self, now: datetime) -> None:
        """Store the time of the last event, before which a home on a virtual clock accepts no command."""
        if self.world.clock.virtual:
            self.world.ledger.info.set("last_event_at", now.isoformat())


@dataclass(frozen=True, slots=True)
class _Loop:
    """The runner's work between the steps of a continuous task."""

    runner: Runner
    request: JobRequest
    claim: Claim
    reported: set[str] = field(default_factory=set)

    def noted(self, work: Stepping) -> None:
        """Store how far the work is, and report what blocks it."""
        world = self.runner.world
        world.ledger.executions.beat(self.claim, world.clock.machine_now(), steps=work.steps, result=work.result)
        if work.blocked:
            self.runner.report_blocked(self.request, work.blocked)
        if not world.clock.virtual or work.blocked or work.unprotected or work.stopped_rows:
            self.runner.deliver_between_steps()

    def failed(self, error: TradectlError) -> None:
        """Write the failure to the log and send a message, once for each cause."""
        cause = cause_of(error)
        if cause in self.reported:
            return
        self.reported.add(cause)
        ledger, now, name = self.runner.world.ledger, self.runner.world.clock.now(), self.request.window.name
        goes_on = "The next step tries again; resting orders stay unchanged"
        text = f"{name} of {self.request.session}: {step_failed(error)}. {goes_on}"
        with ledger.database.note():
            ledger.logs.append(now, "error", "step_failed", text, task=self.request.task.name)
            key, kind = f"step:{name}:{self.request.session}:{cause}", kind_of_failure(error.exit_code)
            ledger.outbox.add(now, f"{name}: a step failed", text, key, kind=kind)
        self.runner.deliver_between_steps()

    def at_mark(self) -> None:
        """Copy a halt into the ledger that another process could set in the marker alone."""
        follow_marker(self.runner.world)


def step_failed(error: TradectlError) -> str:
    """Return the line about a step that failed while the loop went on."""
    return f"a step failed: {str(error).rstrip('.') or type(error).__name__}"


def _summary(request: JobRequest, work: Stepping, *, done: bool) -> str:
    state = "completed" if done else f"is open until {to_ist(request.window.closes):%H:%M}"
    counts = _JSON.encode(dict(work.result))
    return f"{request.window.name} of {request.session} {state}, steps {work.steps}: {counts}"


def _with_missed(message: str, missed: Sequence[str]) -> str:
    return f"{message}; missed: {shortened(missed)}" if missed else message
