"""Record the sessions of homes with live prices, and find the recording of a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.build_fingerprint import build_fingerprint
from tradectl.runtime.recorder_report import report_recorder

if TYPE_CHECKING:
    from tradectl.brokers.recording.file import AppendingFile
    from tradectl.settings import Settings
    from tradectl.world import World


@contextmanager
def recorded(world: World, settings: Settings, tell: Callable[[str], None] = lambda _: None) -> Iterator[World]:
    """Yield the world with a broker whose replies to the tasks are recorded; the world itself where nothing is recorded.

    A home on stored bars needs no recording, because its exchange repeats what it did.

    Args:
        tell: Called with a line about a recording that could not be written.
    """
    if not is_recorded(world, settings):
        yield world
        return
    from tradectl.brokers.recording.broker import RecordingBroker
    from tradectl.brokers.recording.recorder import SessionRecorder

    recorder = SessionRecorder(world.clock, partial(_open, settings, world), build_fingerprint())
    recording: World = replace(world, broker=RecordingBroker(world.broker, recorder), recorder=recorder)
    try:
        yield recording
    finally:
        recorder.close()
        if line := report_recorder(recording):
            tell(line)


def is_recorded(world: World, settings: Settings) -> bool:
    """Return whether the sessions of a home are recorded: it has live prices and the machine's clock."""
    live = world.mode == "live" or (world.mode == "paper" and bool(settings.quotes))
    return live and not world.clock.virtual and world.parameters.recording_days > 0


def folder_of(settings: Settings) -> Path:
    """Return the folder of a home's recordings. It need not exist."""
    from tradectl.brokers.recording.file import FOLDER

    return settings.home / FOLDER


def _open(settings: Settings, world: World, session: date) -> AppendingFile:
    """Return the file of a session. Its thread also removes and compresses older ones."""
    from tradectl.brokers.recording.file import AppendingFile, file_of, tidy

    folder = folder_of(settings)
    keep = world.parameters.recording_days
    return AppendingFile(file_of(folder, session, world.user), tidy=partial(tidy, folder, session, keep_days=keep))
