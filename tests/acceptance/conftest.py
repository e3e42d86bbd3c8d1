"""A home of its own for each test, with the real market where prices are needed, and processes that start quickly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import Server, Tradectl

Homes = Callable[..., Tradectl]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def tradectl(server: Server, tmp_path: Path) -> Tradectl:
    """The command line in a home that does not exist yet, without market data."""
    return Tradectl(tmp_path / "home", server)


@pytest.fixture
def traders(server: Server, tmp_path: Path, real_market: Path) -> Homes:
    """Makes fresh homes by name, which read the real market where it is."""

    def make(name: str) -> Tradectl:
        return home_with(real_market, tmp_path / name, server)

    return make


def home_with(market: Path, home: Path, server: Server) -> Tradectl:
    home.mkdir(parents=True)
    (home / "tradectl.toml").write_text(f'market = "{market}"\n', encoding="utf-8")
    return Tradectl(home, server)
