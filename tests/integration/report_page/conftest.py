"""The world of a kept simulation; and a browser, where one is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.kept_simulation import kept_simulation_in
from tradectl import bootstrap
from tradectl.bootstrap import PaperWorld
from tradectl.settings import load

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def kept_simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_simulation_in(tmp_path_factory)


@pytest.fixture
def world(kept_simulation: Path, tmp_path: Path) -> Iterator[PaperWorld]:
    """The world of a copy of the simulation, at its last moment."""
    settings = load(home=str(kept_simulation / "home"), environment={})
    with closing(bootstrap.reopen_simulation(settings, shutil.copytree(kept_simulation / "kept", tmp_path / "kept"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the tests that need it are skipped where it or playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()
