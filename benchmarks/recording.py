"""The cost of the recording in a step of the sell monitor with six positions, and the bytes that a session needs.

A simulated session alternates between runs with the recording and runs without it. The paper exchange replies without a network,
so the share is larger than at a broker, whose replies take 10 to 200 ms.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from benchmarks.form import Pair, Result, Row, at_most
from benchmarks.market import calendar, home
from benchmarks.timing import perf_counter, process_time
from tradectl import bootstrap
from tradectl.brokers.recording.broker import RecordingBroker
from tradectl.brokers.recording.file import AppendingFile
from tradectl.brokers.recording.recorder import SessionRecorder
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import Session
from tradectl.lazy import resolved
from tradectl.model.moment import IST
from tradectl.runtime.registry import all_tasks, task_named
from tradectl.runtime.runner import Runner
from tradectl.runtime.simulate import Seed, simulate
from tradectl.settings import load
from tradectl.world import World

WARM_UP = 260
POSITIONS = 6
BLOCK = timedelta(minutes=15)
"""The length of one run, of which every second one is recorded."""
STEPS_OF_A_DAY = 375


def measure(quick: bool) -> Result:
    """Compare steps with the recording to the steps just before and after without it."""
    sessions = 1 if quick else 4
    cpu, elapsed, kilobytes = _days(sessions)
    setting = f"{POSITIONS} positions, {sessions} sessions, one-minute steps, runs of 15 minutes alternately"
    rows = (
        Row.share("a recorded step, processor time", cpu, at_most(2)),
        Row.share("a recorded step, elapsed", elapsed),
        Row.figure(f"a session of {STEPS_OF_A_DAY} steps", kilobytes, "KB", at_most(2_000)),
    )
    return Result(setting, rows)


def _days(count: int) -> tuple[list[Pair], list[Pair], list[float]]:
    """Return the seconds of a step with and without the recording, and the KB of a session."""
    days = calendar().run_between(calendar().first, calendar().last)[WARM_UP : WARM_UP + count + 1]
    settings = load(home=str(home(20, WARM_UP + count + 40)), environment={})
    with tempfile.TemporaryDirectory() as folder:
        start = days[0].begins_at() - timedelta(hours=1)
        changes = {"universe": "all", "max_positions": str(POSITIONS)}
        world: World = bootstrap.open_simulation(
            settings, Path(folder), start=start, capital=1_000_000_00, changes=changes, step=1
        )
        with closing(world):
            symbols = [name for name, _ in world.market.names(world.market.universe("all"), days[0].date)][:POSITIONS]
            simulate(world, all_tasks(), days[0].date, days[0].date, seeds=[Seed(item, 10, days[0].date) for item in symbols])
            file = AppendingFile(Path(folder) / "recordings" / "day.jsonl")
            recorder = SessionRecorder(world.clock, lambda _: file, "")
            recording = replace(world, broker=RecordingBroker(resolved(world.broker), recorder), recorder=recorder)
            cpu: list[Pair] = []
            elapsed: list[Pair] = []
            for day in days[1:]:
                of_day = _day(world, recording, day)
                cpu += of_day[0]
                elapsed += of_day[1]
            file.close()
            steps = len(cpu) * BLOCK / timedelta(minutes=1)
            size = file.path.stat().st_size / steps * STEPS_OF_A_DAY / 1000
        return cpu, elapsed, [size]


def _day(plain: World, recording: World, day: Session) -> tuple[list[Pair], list[Pair]]:
    """Return the seconds of the blocks of a day: processor time and elapsed time, each with and without the recording."""
    clock = plain.clock
    assert isinstance(clock, VirtualClock)
    clock.move_to(day.open_at().astimezone(IST))
    blocks = []
    while clock.now() + 2 * BLOCK < day.last_fill_at():
        blocks.append((_block(recording, day), _block(plain, day)))
    cpu = [(ours[0], theirs[0]) for ours, theirs in blocks]
    return cpu, [(ours[1], theirs[1]) for ours, theirs in blocks]


def _block(world: World, day: Session) -> Sequence[float]:
    """Run the monitor for one block; return the processor time and the elapsed time of a step."""
    until = world.clock.now() + BLOCK
    begun = process_time(), perf_counter()
    Runner(world, all_tasks(), trigger="simulate").run(task_named("sell-monitor"), session=day.date, until=until)
    ended = process_time(), perf_counter()
    assert isinstance(world.clock, VirtualClock)
    world.clock.move_to(max(until, world.clock.now()) + timedelta(seconds=1))
    return [(end - begin) / (BLOCK / timedelta(minutes=1)) for begin, end in zip(begun, ended, strict=True)]
