"""A home of its own for each test, with the real market where prices are needed, and processes that start quickly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.program import Server, Tradectl
from tests.conftest import locked

Build = Callable[[Path], None]
Once = Callable[[str, Build], Path]
Homes = Callable[..., Tradectl]


@pytest.fixture(scope="session")
def server(program_server: Server) -> Server:
    return program_server


@pytest.fixture
def tradectl(server: Server, tmp_path: Path) -> Tradectl:
    """The command line in a home that does not exist yet, without market data."""
    return Tradectl(tmp_path / "home", server)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, build)`: a folder that `build` fills, made by the first worker that wants it and read by all. Copy to write."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base

    def made(name: str, build: Build) -> Path:
        folder = shared / name
        with locked(shared / f"{name}.lock"):
            if not folder.exists():
                work = tmp_path_factory.mktemp(name)
                build(work)
                work.rename(folder)
        return folder

    return made


@pytest.fixture
def copied(server: Server, tmp_path: Path) -> Homes:
    """`copied(home)`: the command line in a copy of a home."""

    def copy(home: Path) -> Tradectl:
        return Tradectl(shutil.copytree(home, tmp_path / home.name), server)

    return copy


def home_with(market: Path, home: Path, server: Server) -> Tradectl:
    home.mkdir(parents=True)
    (home / "tradectl.toml").write_text(f'market = "{market}"\n', encoding="utf-8")
    return Tradectl(home, server)
