"""A simulation that is kept, in an invented market where nearly every session has an order: made once for all workers."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import market
from tests.conftest import locked
from tests.integration.research.world import EAGER
from tradectl import bootstrap
from tradectl.cli.simulate import CLOCK_STARTS
from tradectl.model.moment import at_ist
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.simulate import simulate
from tradectl.settings import load

FIRST, LAST = 262, 284
"""The places of the first session, and of the one after the last, in the calendar of the invented market."""


def kept_simulation_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `home`, and with `kept`: a simulation of 22 sessions of 2019. Copy to write."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = shared / "kept-simulation"
    with locked(shared / "kept-simulation.lock"):
        if not folder.exists():
            work = tmp_path_factory.mktemp("kept-simulation")
            _make(work)
            work.rename(folder)
    return folder


def _make(folder: Path) -> None:
    shutil.copytree(market.home(8, 320), folder / "home")
    days = [day.date for day in market.calendar().run_between(market.calendar().first, market.calendar().last)][FIRST:LAST]
    settings = load(home=str(folder / "home"), environment={})
    changes = EAGER | {"universe": "all"}
    world = bootstrap.open_simulation(
        settings, folder / "kept", start=at_ist(days[0], CLOCK_STARTS), capital=10_00_000_00, changes=changes, step=30
    )
    with closing(world):
        simulate(world, all_tasks(), days[0], days[-1], seeds=[], every=1800)
