"""The day of the runner's tests, begun at 09:00 in India unless a test goes on to another time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.runtime.stage import Stage, stage
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable


@pytest.fixture
def at(tmp_path: Path, sessions: SessionTable) -> Iterator[Callable[[datetime], Stage]]:
    """The home of this test at a moment; each call is a new process as far as the runner can tell."""
    made: list[Stage] = []

    def begin(moment: datetime) -> Stage:
        if made:
            return made[0].at(moment)
        made.append(stage(tmp_path / "ledger.db", sessions, VirtualClock(moment)))
        return made[0]

    yield begin
    for one in made:
        one.ledger.database.close()
