"""Run tasks: write the execution's row before the work, renew its lease during the work, and write its end afterwards.

Live, paper and simulated trading, cron, daemon and the command line all use `Runner.run`. Each refusal is a report with its own
outcome. The claim in the database decides which process works.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tradectl.context import Context
from tradectl.errors import Blocked, Interrupted, TradectlError, UsageError
from tradectl.ledger.executions import AlreadyDone, Claim, Fenced, Held, standing
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.schedules import ScheduleRow, declared
from tradectl.model.message_kind import kind_of_failure
from tradectl.model.moment import ist_date
from tradectl.model.recording import RunHead
from tradectl.ports import Tell, silence
from tradectl.runtime.admission import JobRequest, admit, find_window, missed_report, with_options
from tradectl.runtime.clock_watch import watch
from tradectl.runtime.delivery import Delivery
from tradectl.runtime.execution_ends import REFUSED, ExecutionEnds, step_failed
from tradectl.runtime.exposure import MONITOR, announce_unprotected
from tradectl.runtime.halting import follow_marker
from tradectl.runtime.interrupt import Stop, stop_on_signals
from tradectl.runtime.missed_slots import MissedSlots, shortened
from tradectl.runtime.outcomes import Report, gravity_of
from tradectl.runtime.recorder_report import report_recorder
from tradectl.runtime.stepping import AFTER_THE_END, Heartbeat, Progress, Stepping, cause_of
from tradectl.task import Task
from tradectl.world import World

BUG = 1
"""The exit code of an unexpected error."""
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
        self.missed_slots = MissedSlots(world, self.tasks, trigger)
        self.delivery = Delivery(world)
        self._warnings: list[str] = []
        self._ends = ExecutionEnds(world, self.tasks, self._warnings)

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
            missed = () if dry_run else self.missed_slots.record(rows)
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
            self.delivery.send()
            self.delivery.ping_end(report)
            if not more_follows:
                self.delivery.finish_pings()
        if self.trigger == "cron" and report.outcome == "missed":
            report = replace(report, error="")  # a late line of cron: the slot was reported as missed, now or before
        return replace(report, missed=missed, message=_with_missed(report.message, missed), warnings=self.take_warnings())

    def rows(self, *, seed: bool = True) -> dict[str, ScheduleRow]:
        """Return the schedule rows by task. A task without a row gets its declared schedule, with `seed` in the database too."""
        schedules = self.world.ledger.schedules
        rows = {row.task: row for row in schedules.list()}
        missing = [task for task in self.tasks if task.name not in rows]
        if missing and seed:
            schedules.seed(missing)
        return rows | {task.name: declared(self.world.user, task) for task in missing}

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
        taken = tuple(self._warnings)
        self._warnings.clear()
        return taken

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
                self._ends.report_blocked(request, refusal.error)
            return refusal
        return self._dry_run(request) if request.dry_run else self._claim_and_run(request)

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
        self.delivery.ping_start(request.task.name)
        return self._run_claimed(request, claim)

    def _run_claimed(self, request: JobRequest, claim: Claim) -> Report:
        """Do the work under the claim and write its end, failure or interrupt."""
        context = Context(self.world, request.session, request.window.slot, claim, progress=self.watch)
        with stop_on_signals() if self.stop is None else nullcontext(self.stop) as stop:
            context.look = stop.raise_if_requested
            heartbeat = Heartbeat(self.world.ledger.executions, claim, self.world.clock)
            work = Stepping(request.task, context, stop, heartbeat, self.progress)
            recorder = self.world.recorder
            if recorder is not None:
                recorder.begin_run(_head(request, claim, self.trigger, self.world.clock.now()))
            if request.window.every is not None:
                work.steps, work.result = claim.steps, claim.result
            try:
                with heartbeat:
                    done = self._through(request, work, claim)
                return self._ends.write(request, claim, work, done=done)
            except Fenced as error:
                return request.report("blocked", str(error), error.exit_code, error=str(error))
            except Interrupted as error:
                return self._ends.write_interrupt(request, claim, work, error)
            except Blocked as error:
                return self._ends.write_failure(request, claim, work, str(error), error.exit_code, outcome="blocked")
            except TradectlError as error:
                return self._ends.write_failure(request, claim, work, str(error), error.exit_code)
            except Exception as error:  # noqa: BLE001 - the outermost place: a bug in a task must end its row, with its traceback
                text = f"{type(error).__name__}: {error}"
                return self._ends.write_failure(request, claim, work, text, BUG, detail=traceback.format_exc())
            finally:
                if recorder is not None:
                    recorder.end_run()
                    self._check_recorder()

    def _check_recorder(self) -> None:
        """Report once that nothing is recorded any more. Trading does not need the recording."""
        if line := report_recorder(self.world):
            self._warnings.append(line)

    def _through(self, request: JobRequest, work: Stepping, claim: Claim) -> bool:
        """Step through the window; return whether the execution is complete."""
        window, now = request.window, self.world.clock.now()
        if window.every is None:
            beyond = LONG_FETCH if request.task.real_time else AFTER_THE_END
            work.settle(window.closes if now < window.closes else now + beyond)
            return True
        return work.through(
            window,
            until=request.until,
            once=request.once,
            watch=_Loop(self.world, self._ends, self.delivery, request, claim, self._check_recorder),
        )

    def _dry_run(self, request: JobRequest) -> Report:
        """Do one step that sends and writes nothing."""
        claim = Claim.none(self.world.user, request.task.name, request.session, request.window.slot)
        context = Context(self.world, request.session, request.window.slot, claim, dry_run=True, progress=self.watch)
        outcome = Stepping(request.task, context, self.stop or Stop(), None, self.progress).step()
        result = {**outcome.result, "dry_run": True, "would_send": context.would_send()}
        if outcome.blocked:
            return request.report("blocked", outcome.blocked, Blocked.exit_code, result=result, error=outcome.blocked)
        return request.report("completed", f"dry run of {request.window.name}: nothing was sent", result=result)


def _head(request: JobRequest, claim: Claim, trigger: str, now: datetime) -> RunHead:
    """Return how a run begins, for its record."""
    window = request.window
    return RunHead(
        task=request.task.name,
        slot=window.slot,
        session=request.session,
        at=now,
        attempt=claim.attempt,
        trigger=trigger,
        force=request.force,
        once=request.once,
        every=window.every,
    )


class _Loop(Struct, frozen=True):
    """The runner's work between the steps of a continuous task."""

    world: World
    ends: ExecutionEnds
    delivery: Delivery
    request: JobRequest
    claim: Claim
    check_recorder: Callable[[], None]
    reported: set[str] = set()

    def noted(self, work: Stepping) -> None:
        """Store how far the work is, and report what blocks it."""
        world = self.world
        world.ledger.executions.beat(self.claim, world.clock.machine_now(), steps=work.steps, result=work.result)
        if work.blocked:
            self.ends.report_blocked(self.request, work.blocked)
        if not world.clock.virtual or work.blocked or work.unprotected or work.stopped_rows:
            self.delivery.between_steps()

    def failed(self, error: TradectlError) -> None:
        """Write the failure to the log and send a message, once for each cause."""
        cause = cause_of(error)
        if cause in self.reported:
            return
        self.reported.add(cause)
        ledger, now, name = self.world.ledger, self.world.clock.now(), self.request.window.name
        goes_on = "The next step tries again; resting orders stay unchanged"
        text = f"{name} of {self.request.session}: {step_failed(error)}. {goes_on}"
        with ledger.database.note():
            ledger.logs.append(now, "error", "step_failed", text, task=self.request.task.name)
            key, kind = f"step:{name}:{self.request.session}:{cause}", kind_of_failure(error.exit_code)
            ledger.outbox.add(now, f"{name}: a step failed", text, key, kind=kind)
        self.delivery.between_steps()

    def at_mark(self) -> None:
        """Copy a halt into the ledger that another process could set in the marker alone, and check the recording."""
        follow_marker(self.world)
        self.check_recorder()


def _with_missed(message: str, missed: Sequence[str]) -> str:
    return f"{message}; missed: {shortened(missed)}" if missed else message
