"""The day of the runner's tests, begun at 09:00 in India unless a test goes on to another time: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration.runtime.stage import Stage, stage
from tests.support.addresses import address, path, server
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable

__all__ = ["address", "path", "server"]


@pytest.fixture
def at(address: str, sessions: SessionTable) -> Iterator[Callable[[datetime], Stage]]:
    """The home of this test at a moment; each call is a new process as far as the runner can tell."""
    yield from beginning(address, sessions)


@pytest.fixture
def at_file(path: Path, sessions: SessionTable) -> Iterator[Callable[[datetime], Stage]]:
    """The same on SQLite alone."""
    yield from beginning(path, sessions)


def beginning(address: str | Path, sessions: SessionTable) -> Iterator[Callable[[datetime], Stage]]:
    made: list[Stage] = []

    def begin(moment: datetime) -> Stage:
        if made:
            return made[0].at(moment)
        made.append(stage(address, sessions, VirtualClock(moment)))
        return made[0]

    yield begin
    for one in made:
        one.ledger.database.close()
