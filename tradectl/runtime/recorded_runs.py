"""Run the recorded runs of a session again, each step at its recorded moment, with the replies that the broker gave.

Each run has a clock of its own. Runs that overlapped overlap again: the steps come in the order of their moments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from tradectl.model.recording import RecordedRun, RecordedStep
from tradectl.runtime.interleaving import Interleaving, Wait
from tradectl.runtime.interrupt import stop_on_signals
from tradectl.runtime.outcomes import Report
from tradectl.runtime.replay import Change
from tradectl.runtime.runner import Runner
from tradectl.task import Task
from tradectl.world import World

OpenRun = Callable[[World, RecordedRun, Sequence[RecordedStep], "RunClock"], World]
"""Returns the world of a run: the clock is that of the run, and `recorder` follows its steps."""


class RunClock:
    """The clock of one run. It stands still during a step; a sleep ends at the moment of the next recorded step.

    It counts as the machine's clock, so that the tasks decide as they did.
    """

    virtual = False

    def __init__(self, start: datetime, wait: Wait) -> None:
        self._now, self._wait = start.astimezone(UTC), wait
        self.next_step_at: Callable[[], datetime | None] = lambda: None

    def now(self) -> datetime:
        """Return the moment of the replayed session (UTC)."""
        return self._now

    def machine_now(self) -> datetime:
        """Return the same moment: a heartbeat of the replay must not be later than the session that it replays."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Wait until all other runs have reached the end of this sleep."""
        following = self.next_step_at()
        moment = following if following is not None else self._now + timedelta(seconds=max(seconds, 0.0))
        self._wait(max(moment, self._now))
        self.move_to(moment)

    def move_to(self, moment: datetime) -> None:
        """Move the clock forward; it never goes back."""
        self._now = max(self._now, moment.astimezone(UTC))


class _Runner(Runner):
    """A runner that does not compare the clock with the machine's: the replay is faster."""

    def watch_clock(self) -> None:
        """Do nothing."""


def run_recorded(
    world: World,
    tasks: Sequence[Task],
    runs: Sequence[RecordedRun],
    open_run: OpenRun,
    *,
    changes: Sequence[Change],
    until: datetime | None,
) -> list[Report]:
    """Run recorded runs again; return their reports in the order of their ends.

    Args:
        open_run: Opens the world of a run from the world that holds at its begin.
        changes: Changes by people, each with its moment.
        until: Leave out steps that end after this moment; None: leave out none.
    """
    by_name = {task.name: task for task in tasks}
    reports: list[Report] = []
    current = [world]

    with stop_on_signals() as stop:

        def run(recorded: RecordedRun, steps: Sequence[RecordedStep], wait: Wait) -> None:
            task, head = by_name[recorded.head.task], recorded.head
            clock = RunClock(head.at, wait)
            opened = open_run(current[0], recorded, steps, clock)
            runner = _Runner(opened, tasks, trigger=head.trigger, stop=stop)
            loops = head.every is not None
            reports.append(
                runner.run(
                    task,
                    session=head.session,
                    slot=head.slot,
                    force=head.force,
                    once=head.once,
                    every=head.every,
                    until=steps[-1].at if loops and not head.once else None,
                )
            )
            if opened.recorder is not None:
                opened.recorder.end_run()  # also for a run that was not admitted

        def change(make: Callable[[World], World], _: Wait) -> None:
            current[0] = make(current[0])

        interleaving = Interleaving(world.ledger.database.leave_thread)
        for at, make in sorted(changes, key=lambda item: item[0]):
            if until is None or at <= until:
                interleaving.add(at, partial(change, make))
        for recorded in runs:
            steps = [step for step in recorded.steps if step.ended is not None and (until is None or step.ended <= until)]
            if steps:
                interleaving.add(recorded.head.at, partial(run, recorded, steps))
        interleaving.run()
    return reports
