"""Run the tasks of a recorded session again, each at the moment at which it ran, on a virtual clock.

A monitor runs between the moments of the other tasks, as in `simulate`. Changes of settings and of the trading state by people
come at their moments too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from tradectl.clock import VirtualClock
from tradectl.ledger.recorded_session import RecordedSession, Run
from tradectl.runtime.agenda import windows
from tradectl.runtime.interrupt import stop_on_signals
from tradectl.runtime.outcomes import Report
from tradectl.runtime.runner import Runner
from tradectl.task import Task
from tradectl.world import World

_INSTANT = timedelta(microseconds=1)
Change = tuple[datetime, Callable[[World], World]]
"""The moment of a change by a person, and the function that makes it and returns the world after it."""


def replay(world: World, tasks: Sequence[Task], recorded: RecordedSession, changes: Sequence[Change] = ()) -> list[Report]:
    """Run every recorded run of a session; return the reports. `world` has a virtual clock before the first run."""
    clock = world.clock
    assert isinstance(clock, VirtualClock)
    by_name = {task.name: task for task in tasks}
    reports: list[Report] = []
    waiting = sorted(changes, key=lambda change: change[0])
    with stop_on_signals() as stop:
        for at, run, until in _agenda(recorded.runs, _continuous(world, tasks, recorded)):
            while waiting and waiting[0][0] <= at:
                world = waiting.pop(0)[1](world)
            if at > clock.now():
                clock.move_to(at)
            runner = Runner(world, tasks, trigger="simulate", stop=stop)
            day = datetime.fromisoformat(recorded.session).date()
            reports.append(runner.run(by_name[run.task], session=day, slot=run.slot, until=until))
    return reports


def _continuous(world: World, tasks: Sequence[Task], recorded: RecordedSession) -> Mapping[str, bool]:
    """Return by task whether it makes steps until its window closes."""
    session = world.sessions.session(datetime.fromisoformat(recorded.session).date())
    assert session is not None
    found = windows(tasks, Runner(world, tasks, trigger="simulate").rows(), session)
    return {window.task: window.every is not None for window in found}


def _agenda(runs: Sequence[Run], continuous: Mapping[str, bool]) -> list[tuple[datetime, Run, datetime | None]]:
    """Return the moments at which a run begins or goes on, in order, with the moment at which it makes room for another."""
    begins = [(datetime.fromisoformat(run.at), run) for run in runs]
    single = [at for at, run in begins if not continuous.get(run.task)]
    found: list[tuple[datetime, int, Run, datetime | None]] = []
    for at, run in begins:
        if not continuous.get(run.task):
            found.append((at, 0, run, None))
            continue
        end = datetime.fromisoformat(run.until) if run.until else None
        cuts = sorted(moment for moment in set(single) if at < moment and (end is None or moment < end))
        for begin, stop in zip([at, *cuts], [*cuts, None], strict=True):
            found.append((begin, 1, run, stop - _INSTANT if stop is not None else None))
    return [(at, run, until) for at, _, run, until in sorted(found, key=lambda item: (item[0], item[1], item[2].task))]
