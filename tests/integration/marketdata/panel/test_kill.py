"""A process that is killed while it writes the store leaves the old one or the new one, never a mixture.

It kills itself with a real SIGKILL just before its n-th call that could reach a file or the archive, for every n, or for some of
them where there are many.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import date
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.panel.refresh import derived_with, open_panel
from tradectl.marketdata.panel.stored import UNSOUND, StoredPanel
from tradectl.model.panel import FIELDS

FORK = multiprocessing.get_context("fork")
CALLS = {"open", "write", "flush", "fsync", "replace", "mkdir", "chmod", "unlink", "rmdir", "execute", "executemany", "commit"}
"""The built-in functions by which anything gets out of the process."""
SYMBOLS = [f"S{number:02}" for number in range(12)]
State = tuple[tuple[str, ...], dict[str, list[Any]]]


def put(archive: Archive, days: list[date], symbols: list[str], close: int) -> None:
    """Bars of some sessions and the store that follows, as an import does it."""
    rows = [(s, day.isoformat(), "EQ", close, close, close, close, 5, 0, 1) for day in days for s in symbols]
    with derived_with(archive):
        archive.db.conn.executemany("INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        archive.count_change()


def one_more_session(folder: Path, days: list[date]) -> None:
    archive = Archive(folder)
    put(archive, days[-1:], [*SYMBOLS, "NEWCOMER"], 700)
    archive.close()


def another_past(folder: Path, days: list[date]) -> None:
    archive = Archive(folder)
    put(archive, days[:1], SYMBOLS, 900)
    archive.close()


def built_again(folder: Path, days: list[date]) -> None:
    (folder / "panel.json").unlink(missing_ok=True)
    open_panel(folder)


@pytest.fixture
def days(sessions: SessionTable) -> list[date]:
    return [session.date for session in sessions.between(date(2024, 1, 15), date(2024, 2, 5))]


@pytest.fixture
def first(tmp_path: Path, days: list[date]) -> Path:
    """A market with all sessions but the last."""
    archive = Archive(tmp_path / "first")
    archive.db.execute("INSERT INTO files VALUES (1, 'x', 'x', 'x', 0, 'x')")
    put(archive, days[:-1], SYMBOLS, 500)
    archive.close()
    return tmp_path / "first"


def work_until(number: int, work: Callable[[], None], told: Path) -> None:
    """Do it, and be killed just before the n-th call."""
    done = 0

    def step(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal done
        if event == "c_call" and function.__name__ in CALLS:
            done += 1
            if done == number:
                sys.setprofile(None)
                told.write_text(function.__name__, encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(step)
    work()


def state(store: StoredPanel) -> State:
    assert store.damaged() == []
    panel = store.panel
    return panel.instruments, {name: getattr(panel, name).tolist() for name in ("sessions", *FIELDS)}


def published(folder: Path) -> State | None:
    """What the index names, whatever the archive says."""
    try:
        return state(StoredPanel(folder))
    except UNSOUND:
        return None


@pytest.mark.parametrize(
    "work", [one_more_session, *(pytest.param(work, marks=pytest.mark.slow) for work in (another_past, built_again))]
)
def test_a_store_killed_anywhere_is_the_old_or_the_new_one(
    first: Path, days: list[date], tmp_path: Path, work: Callable[[Path, list[date]], None]
) -> None:
    old = state(open_panel(first))
    shutil.copytree(first, tmp_path / "undisturbed")
    work(tmp_path / "undisturbed", days)
    new = state(StoredPanel(tmp_path / "undisturbed"))
    told, killed, seen = tmp_path / "told", [], set()
    for number in count(1):
        folder = tmp_path / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(first, folder)
        child = FORK.Process(target=work_until, args=(number, lambda folder=folder: work(folder, days), told))
        child.start()
        child.join(60)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        killed.append(told.read_text(encoding="utf-8"))
        found = published(folder)
        assert found in ((old, new) if work is not built_again else (old, None)), f"call {number}, {killed[-1]}"
        after = state(open_panel(folder))
        assert after in (old, new), f"call {number}, {killed[-1]}"
        assert after == state(StoredPanel(folder))
        seen.add((found == new, after == new))
        work(folder, days)
        assert state(open_panel(folder)) == new
        assert len([path for path in folder.glob("panel-*") if path.is_dir()]) == 1
    assert {"write", "fsync", "replace"} <= set(killed)
    if work is not built_again:
        assert seen == {(False, False), (False, True), (True, True)}, "before the commit, after it, and after publishing"


def test_who_reads_while_others_write_sees_whole_states(first: Path, days: list[date]) -> None:
    """A reader opens the store again and again while sessions come, and while the past is changed under it."""

    def write() -> None:
        for round_ in range(6):
            another_past(first, days) if round_ % 2 else one_more_session(first, days[: len(days) - 5 + round_])

    shutil.rmtree(next(first.glob("panel-*")))
    writer = FORK.Process(target=write)
    writer.start()
    looks = 0
    while writer.is_alive() or not looks:
        store = open_panel(first)
        assert store.damaged() == []
        assert np.all(np.diff(store.panel.sessions) > 0)
        assert set(store.panel.close[0].tolist()) <= {500, 900, 0}
        assert len(set(store.panel.close[0, : len(SYMBOLS)].tolist())) == 1, "half of another past"
        looks += 1
    writer.join()
    assert writer.exitcode == 0
