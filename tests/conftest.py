"""What all tests may use: the session table, the shared real data, and one market imported from it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradectl.exchange.sessions import SessionTable

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def sessions() -> SessionTable:
    return SessionTable.load()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data; tests that want it are skipped where it is missing."""
    folder = Path(os.environ.get("TRADECTL_SHARED", ROOT.parent / "shared" / "data"))
    if (folder / "data").is_dir():
        folder = folder / "data"
    if not (folder / "daily").is_dir():
        pytest.skip(f"no real data in {folder}; TRADECTL_SHARED names another folder")
    return folder


@pytest.fixture(scope="session")
def real_market(shared_data: Path, sessions: SessionTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market folder with all daily bars, lists, minutes and instrument dumps of the real data. Read it only; copy to write.

    Built once for all workers, and kept between runs while neither the data nor the code that imports it changes.
    """
    base = tmp_path_factory.getbasetemp().parent
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / f"tradectl-market-{_fingerprint(shared_data)}"
    with locked(base / "tradectl-market.lock"):
        if not folder.exists():
            _forget_old_markets(base)
            work = tmp_path_factory.mktemp("market")
            _build(work, shared_data, sessions)
            work.rename(folder)
    return folder


NOT_IMPORTED = {"action_texts.csv"}
"""Lists of the real data that are read by tests alone."""


def _build(folder: Path, data: Path, sessions: SessionTable) -> None:
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.imports import import_files

    archive = Archive(folder)
    try:
        lists = [path for path in sorted((data / "lists").iterdir()) if path.name not in NOT_IMPORTED]
        paths = [data / "daily", *lists, data / "minute", data / "instruments"]
        import_files(paths, archive, sessions, at=datetime(2026, 11, 20, tzinfo=UTC))
    finally:
        archive.close()


def _fingerprint(data: Path) -> str:
    code = [*ROOT.glob("tradectl/marketdata/**/*.py"), *ROOT.glob("tradectl/exchange/*.csv")]
    digest = hashlib.sha256()
    for path in sorted(code):
        digest.update(path.read_bytes())
    for path in sorted(p for name in ("daily", "lists", "minute", "instruments") for p in (data / name).iterdir()):
        digest.update(f"{path.name} {path.stat().st_size}".encode())
    return digest.hexdigest()[:16]


def _forget_old_markets(base: Path) -> None:
    for old in base.glob("tradectl-market-*"):
        if old.is_dir() and time.time() - old.stat().st_mtime > 6 * 3600:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
