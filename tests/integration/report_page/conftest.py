"""The world of a kept simulation; and a browser, where one is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.browsing import browser  # noqa: F401
from tests.support.kept_simulation import kept_simulation_in
from tradectl import bootstrap
from tradectl.bootstrap import PaperWorld
from tradectl.settings import load


@pytest.fixture(scope="session")
def kept_simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_simulation_in(tmp_path_factory)


@pytest.fixture
def world(kept_simulation: Path, tmp_path: Path) -> Iterator[PaperWorld]:
    """The world of a copy of the simulation, at its last moment."""
    settings = load(home=str(kept_simulation / "home"), environment={})
    with closing(bootstrap.reopen_simulation(settings, shutil.copytree(kept_simulation / "kept", tmp_path / "kept"))) as opened:
        yield opened
