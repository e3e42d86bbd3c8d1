"""Find what a home has of a past session, and run a session with a recording again.

A home on stored bars needs its journal alone. A home with live prices needs the recording of what its tasks read. Where that ends
early, the rest of the day is left out, and the evening runs by the stored bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tradectl import __version__
from tradectl.bootstrap.home_readings import home_ledger
from tradectl.bootstrap.recordings import folder_of
from tradectl.bootstrap.replays import DAY, EVENING, changes_by_people, parameters_of_ledger, rebuilt_ledger
from tradectl.bootstrap.sources import open_store
from tradectl.bootstrap.worlds import readings_of
from tradectl.brokers.recording.recorded_broker import Answers, RecordedBroker
from tradectl.build_fingerprint import build_fingerprint
from tradectl.clock import VirtualClock
from tradectl.errors import ConfigurationError, UsageError
from tradectl.freshness import read_freshness
from tradectl.halt_marker import MemoryMarker
from tradectl.lazy import resolved
from tradectl.model.moment import to_ist
from tradectl.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tradectl.ledger.recorded_session import RecordedSession, Run
    from tradectl.ledger.store import Ledger
    from tradectl.model.recording import RecordedRun, RecordedStep, Recording
    from tradectl.runtime.recorded_runs import RunClock
    from tradectl.settings import Settings

_INSTANT = timedelta(microseconds=1)
_TOGETHER = timedelta(minutes=1)
"""Gaps within this time of the first one are shown; the replay ends before the others."""


class PastSession(Struct, frozen=True):
    """What is known of a past session.

    Attributes:
        recorded: The session by the journal: all of it, or up to the first gap of the recording; None if that is nothing.
        recording: What the tasks of `recorded` read; None if stored bars replace it.
        evening: The tasks after a gap that stored bars can run again; None if there are none.
        until: The moment of the first gap; None without one.
        gaps: What the recording lacks, one line each.
    """

    recorded: RecordedSession | None
    recording: Recording | None = None
    evening: RecordedSession | None = None
    until: datetime | None = None
    gaps: tuple[str, ...] = ()

    @property
    def first(self) -> RecordedSession:
        """Return the first part that can be replayed."""
        found = self.recorded or self.evening
        assert found is not None
        return found


def past_session(settings: Settings, session: date) -> PastSession:
    """Return a session of the home's user. Raises ConfigurationError without a home, UsageError without a run."""
    from tradectl.ledger.recorded_session import read_session

    home = home_ledger(settings)
    if home is None:
        raise ConfigurationError(f"there is no home in {settings.home}")
    with closing(home.database):
        read = partial(read_session, home.database, home.user, session, version=__version__, fingerprint=build_fingerprint())
        if home.info.get("mode") != "live" and not settings.quotes:
            return PastSession(read(tasks=DAY))
        recording = _recording(settings, session, home.user)
        if recording is None:
            return PastSession(None, evening=read(tasks=EVENING), gaps=("the session has no recording",))
        whole = read(tasks=DAY, messages=True)
        until, gaps = _first_gap(recording, whole.runs)
        if until is None:
            return PastSession(whole, recording)
        evening = None
        if any(run.task in EVENING and datetime.fromisoformat(run.at) > until for run in whole.runs):
            evening = read(tasks=EVENING)
        if not any(step.ended and step.ended <= until for run in recording.runs for step in run.steps):
            if evening is None:
                raise UsageError(f"nothing of {session} can be replayed: {'; '.join(gaps)}")
            return PastSession(None, evening=evening, until=until, gaps=gaps)
        part = read(tasks=DAY, until=until, messages=True)
        return PastSession(part, recording, evening, until, gaps)


def recording_lines(settings: Settings, past: PastSession) -> Iterator[str | None]:
    """Return the lines of the recording of a session of the home. Raises OSError."""
    from tradectl.brokers.recording.file import file_of, lines_of

    return lines_of(file_of(folder_of(settings), date.fromisoformat(past.first.session), past.first.user))


def _recording(settings: Settings, session: date, user: str) -> Recording | None:
    """Return the recording of a session; None if there is none, or nothing of it can be read."""
    from tradectl.brokers.recording.file import file_of
    from tradectl.brokers.recording.reading import read_recording

    found = read_recording(file_of(folder_of(settings), session, user))
    return found if found is not None and found.runs else None


def _first_gap(recording: Recording, runs: Sequence[Run]) -> tuple[datetime | None, tuple[str, ...]]:
    """Return the moment after which the recording lacks something, and what it lacks."""
    gaps = list(recording.gaps)
    for run in runs:
        same = [item for item in recording.runs if (item.head.task, item.head.slot) == (run.task, run.slot)]
        at = datetime.fromisoformat(run.at)
        name = f"{run.task} {run.slot}".strip()
        missing = [claim for claim in map(datetime.fromisoformat, run.claims) if not any(_began(item, claim) for item in same)]
        if missing or not same:
            at = missing[0] if missing else at
            gaps.append((at - _INSTANT, f"{name} is not recorded"))
        elif same[-1].ended is None and (run.until is None or datetime.fromisoformat(run.until) > same[-1].until):
            gaps.append((same[-1].until, f"the end of {name} is not recorded"))
    if not gaps:
        return None, ()
    first = min(at for at, _ in gaps)
    shown = [f"{to_ist(at + _INSTANT):%H:%M:%S}: {text}" for at, text in sorted(gaps) if at - first < _TOGETHER]
    return first, (*shown, *([f"{len(gaps) - len(shown)} later gaps"] if len(gaps) > len(shown) else []))


def _began(run: RecordedRun, claim: datetime) -> bool:
    """Return whether a recorded run began with this claim."""
    return timedelta(0) <= run.head.at - claim < _TOGETHER


def run_recording_again(
    settings: Settings, folder: Path, past: PastSession, changes: Mapping[str, str]
) -> tuple[Ledger, Answers]:
    """Run the recorded part of a session again in `folder`, with some settings changed.

    Return the ledger after it, and what the replay asked that the recording does not answer.
    """
    from tradectl.notify.console import SilentNotifier
    from tradectl.runtime.recorded_runs import run_recorded
    from tradectl.runtime.registry import all_tasks

    assert past.recorded is not None
    assert past.recording is not None
    market = open_store(settings)
    ledger = rebuilt_ledger(folder, past.recorded, changes, market, alone=False)
    parameters, answers = parameters_of_ledger(settings, ledger), Answers.of(past.recording.runs)
    first = past.recording.runs[0]
    world = World(
        user=ledger.user,
        mode=past.recorded.mode,
        clock=VirtualClock(first.head.at),
        sessions=market.sessions,
        market=market,
        broker=RecordedBroker(first, (), VirtualClock(first.head.at), answers),
        ledger=ledger,
        notifier=SilentNotifier(),
        parameters=parameters,
        readings=resolved(readings_of(market, parameters)),
        marker=MemoryMarker(),
        freshness=partial(read_freshness, settings.market),
    )
    by_people = changes_by_people(settings, market, past.recorded, changes)
    run_recorded(world, all_tasks(), past.recording.runs, partial(_open_run, answers), changes=by_people, until=past.until)
    return ledger, answers


def _open_run(answers: Answers, world: World, run: RecordedRun, steps: Sequence[RecordedStep], clock: RunClock) -> World:
    """Return the world of one run: each process had its own view of the ledger."""
    from tradectl.ledger.store import Ledger

    broker = RecordedBroker(run, steps, clock, answers)
    clock.next_step_at = lambda: broker.next_step_at
    ledger = Ledger(world.ledger.database, world.user)
    ledger.tariff = world.parameters.tariff
    return replace(world, clock=clock, ledger=ledger, broker=broker, recorder=broker)
