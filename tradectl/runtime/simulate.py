"""Simulate whole sessions with the task code of live trading, on a virtual clock.

The day follows the agenda of cron and the daemon, but waiting takes no time. A monitor releases its claim where another
task's window opens, as it would between two cron lines, and takes it again afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from msgspec import Struct

from tradectl.clock import VirtualClock
from tradectl.context import Context
from tradectl.errors import TradectlError, UsageError
from tradectl.exchange.sessions import PhaseKind, Session
from tradectl.ledger.executions import Claim
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.rows import Intent
from tradectl.model.order import Purpose, Side
from tradectl.runtime.agenda import Window, windows
from tradectl.runtime.execution_ends import REFUSED
from tradectl.runtime.interrupt import stop_on_signals
from tradectl.runtime.outcomes import Report
from tradectl.runtime.runner import Runner
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reentry import levels
from tradectl.task import Task
from tradectl.world import World

Progress = Callable[[int, int, date], None]
SEED_TASK = "seed"
_INSTANT = timedelta(microseconds=1)
GOES_ON = frozenset({0, 8, 9, 11})
"""Exit codes after which a real day also goes on: completed, data missing, a dependent task blocked, an order refused."""


class Seed(Struct, frozen=True):
    """A position to begin with, bought through the order path in the post-close of a session at its closing price."""

    symbol: str
    quantity: int
    session: date


@dataclass(slots=True)
class Simulated:
    """The sessions that were run, and the reports of tasks that failed or had refused orders."""

    sessions: list[Session] = field(default_factory=list)
    troubles: list[Report] = field(default_factory=list)


def simulate(
    world: World,
    tasks: Sequence[Task],
    first: date,
    last: date,
    *,
    seeds: Sequence[Seed] = (),
    every: int | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Run every run session from `first` to `last`. `every` is the monitors' step in seconds.

    Raises UsageError where there is no session to run, and the error of a task whose exit code is not in `GOES_ON`.
    """
    clock = world.clock
    if not isinstance(clock, VirtualClock):
        raise UsageError("a simulation needs a virtual clock")
    done = Simulated(world.sessions.run_between(first, last))
    if not done.sessions:
        raise UsageError(f"there is no run session from {first} to {last}")
    stray = [seed for seed in seeds if seed.session not in {session.date for session in done.sessions}]
    if stray:
        raise UsageError(f"{stray[0].session} is not a run session of this simulation, so nothing can be bought then")
    with stop_on_signals() as stop:
        runner = Runner(world, tasks, trigger="simulate", stop=stop)
        by_name = {task.name: task for task in tasks}
        for number, session in enumerate(done.sessions, 1):
            for at, step in _agenda(runner, runner.tasks, session, [seed for seed in seeds if seed.session == session.date]):
                if at > clock.now():
                    clock.move_to(at)
                if isinstance(step, Seed):
                    _buy_seed(world, session, step)
                    continue
                window, until = step
                report = runner.run(
                    by_name[window.task],
                    session=session.date,
                    slot=window.slot,
                    until=until,
                    every=every if window.every else None,
                )
                if report.exit_code not in GOES_ON:
                    raise _failure(report)
                if report.exit_code and (report.exit_code != REFUSED or report.refused):
                    done.troubles.append(report)  # an unprotected position, such as a sell outside the band, is normal here
            if progress is not None:
                progress(number, len(done.sessions), session.date)
    return done


Step = tuple[Window, datetime | None]


def _agenda(
    runner: Runner, tasks: Sequence[Task], session: Session, seeds: Sequence[Seed]
) -> Iterator[tuple[datetime, Step | Seed]]:
    """Yield the session's steps in order of time; a continuous window is cut where another window opens."""
    found = windows(tasks, runner.rows(), session)
    starts = sorted(window.opens for window in found if window.every is None)
    appointments: list[tuple[datetime, int, Step | Seed]] = []
    for window in found:
        if window.every is None:
            appointments.append((window.opens, 0, (window, None)))
            continue
        cuts = [start for start in starts if window.opens < start < window.closes]
        for begin, end in zip([window.opens, *cuts], [*cuts, None], strict=True):
            appointments.append((begin, 1, (window, end - _INSTANT if end is not None else None)))
    post_close = next((phase for phase in session.phases(False) if phase.kind is PhaseKind.POST_CLOSE), None)
    if seeds and post_close is None:
        raise UsageError(f"{session.date} has no post-close session in which a position could be bought")
    if post_close is not None:
        appointments += [(post_close.start + timedelta(minutes=1), 2, seed) for seed in seeds]
    yield from ((at, step) for at, _, step in sorted(appointments, key=lambda item: item[:2]))


def _failure(report: Report) -> TradectlError:
    error = TradectlError(f"{report.task} of {report.session}: {report.error or report.message}")
    error.exit_code = report.exit_code
    return error


def _buy_seed(world: World, session: Session, seed: Seed) -> None:
    """Buy a seed like any order: record the intent, send it under its tag, and book the outcome."""
    instrument = world.market.instrument(world.market.find(seed.symbol, session.date), session.date)
    quote = world.broker.quotes([instrument.symbol]).get(instrument.symbol)
    if quote is None:
        raise UsageError(f"{seed.symbol} has no price on {session.date}, so it cannot be bought then")
    now = world.clock.now()
    claim = world.ledger.executions.claim(
        SEED_TASK,
        session.date,
        "",
        owner=current_identity(),
        trigger="simulate",
        machine_now=world.clock.machine_now(),
        now=now,
        force=True,
    )
    if not isinstance(claim, Claim):
        raise UsageError(f"the seeds of {session.date} are being bought by another process")
    trading = Context(world, session.date, "", claim).trading()
    intent = Intent(
        instrument_id=instrument.instrument_id,
        symbol=instrument.symbol,
        side=Side.BUY,
        purpose=Purpose.SEED,
        quantity=seed.quantity,
        price=quote.last,
        session=session.date,
        decided=session.date,
        leg=f"seed:{seed.symbol}",
        level=_lowest_level(world.parameters),
    )
    answer = trading.path.place(intent)
    trading.follow()
    world.ledger.executions.finish(claim, "completed", {"placed": int(answer.ok)}, now=now, steps=1)
    if not answer.ok:
        raise UsageError(f"the paper exchange refused to buy {seed.quantity} {seed.symbol}: {answer.reason}")


def _lowest_level(parameters: Parameters) -> int:
    """Return the lowest RSI level, so that a seed has no re-entry until a new cycle begins."""
    return round(levels(parameters)[-1])
