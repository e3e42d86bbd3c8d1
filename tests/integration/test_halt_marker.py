"""The halt marker after a `halt` and a `resume` that meet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradectl.halt_marker import MarkerFile
from tradectl.model.trading_state import ACTIVE

NOW = datetime(2023, 2, 8, 10, 0, tzinfo=UTC)


@pytest.fixture
def marker(tmp_path: Path) -> MarkerFile:
    made = MarkerFile(tmp_path, "asha")
    made.make(ACTIVE, NOW)
    return made


@pytest.mark.parametrize("state", ["HALTED", "REDUCING"])
def test_a_failed_resume_puts_back_what_it_replaced(marker: MarkerFile, state: str):
    marker.set(state, "why", NOW)
    replaced = marker.begin_resume()
    assert (marker.read().state, marker.read().resuming) == ("HALTED", True)
    marker.abandon_resume(replaced)
    assert (marker.read().state, marker.read().resuming) == (state, False)


def test_a_failed_resume_keeps_a_halt_that_came_before_it_began(marker: MarkerFile):
    marker.set("REDUCING", "first", NOW)
    before = marker.read()
    marker.set("HALTED", "newer", NOW)  # by another process, after `resume` has read REDUCING
    marker.abandon_resume(marker.begin_resume())
    assert before.state == "REDUCING"
    assert (marker.read().state, marker.read().reason) == ("HALTED", "newer")


def test_a_failed_resume_keeps_a_halt_that_came_meanwhile(marker: MarkerFile):
    marker.set("REDUCING", "first", NOW)
    replaced = marker.begin_resume()
    marker.set("HALTED", "newer", NOW)
    marker.abandon_resume(replaced)
    assert (marker.read().state, marker.read().resuming) == ("HALTED", False)
    assert not marker.finish_resume()


def test_a_second_resume_that_fails_leaves_the_first_one(marker: MarkerFile):
    marker.set("HALTED", "why", NOW)
    assert marker.begin_resume() == "halted"
    marker.abandon_resume(marker.begin_resume())
    assert (marker.read().state, marker.read().resuming) == ("HALTED", True)
    assert marker.finish_resume()
    assert marker.begin_resume() == ""
