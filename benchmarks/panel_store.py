"""The panel store: one more session against deriving everything, and loading against other ways to keep the same bars.

Each figure is the median of some rounds in one process, and counts as a ratio: seconds say as much about the machine. An append
is all that follows the commit of the rows: reading the archive, deriving, writing, flushing each file, and publishing.

    python benchmarks/panel_store.py --instruments 2000 --sessions 2500
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from tradectl.marketdata.archive import Archive
from tradectl.marketdata.panel.deriving import open_panel
from tradectl.model.panel import FIELDS

APPENDS = 5
FORK = multiprocessing.get_context("fork")
INSERT = "INSERT INTO bars VALUES (?, ?, 'EQ', ?, ?, ?, ?, ?, 0, 1)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instruments", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=2500)
    parser.add_argument("--archive", type=Path, help="a folder whose archive.db is taken instead of an invented one")
    asked = parser.parse_args()
    for name, value in measure(asked.instruments, asked.sessions, asked.archive).items():
        print(f"{name:36s} {value:12.5f}")


def measure(instruments: int = 2000, sessions: int = 2500, archive: Path | None = None) -> dict[str, float]:
    """Seconds, ratios and megabytes by name. The folder of `archive` is written to: the store, and some sessions more."""
    with tempfile.TemporaryDirectory() as made:
        folder = archive or Path(made)
        if archive is None:
            make_archive(folder, instruments, sessions)
        rebuilt, peak = rebuild(folder)
        appended = [append(folder) for _ in range(APPENDS)]
        found = {
            "rebuild seconds": rebuilt,
            "rebuild peak MB": peak,
            "append seconds": median(appended),
            "append / rebuild": median(appended) / rebuilt,
        }
        return found | loading(folder)


def make_archive(folder: Path, instruments: int, sessions: int) -> None:
    """Random walks, a few holes, a fifth of the instruments listed later."""
    rng = np.random.default_rng(7)
    names = [f"S{number:05}" for number in range(instruments)]
    price = rng.integers(5_000, 500_000, instruments).astype(float)
    listed = np.where(rng.random(instruments) < 0.2, rng.integers(0, max(sessions // 2, 1), instruments), 0)
    archive = Archive(folder)
    with archive.transaction():
        archive.db.execute("INSERT INTO files VALUES (1, 'made', 'made', 'made', 0, 'made')")
        for number, day in enumerate(weekdays(date(2015, 1, 1), sessions)):
            price = np.clip(price * np.exp(rng.normal(0, 0.02, instruments)), 500, 10_000_000)
            there = (number >= listed) & (rng.random(instruments) > 0.003)
            closes = price.astype(int).tolist()
            rows = [(n, day, c, c + 10, c - 10, c, 1000 + c) for n, c, t in zip(names, closes, there, strict=True) if t]
            archive.db.conn.executemany(INSERT, rows)
        archive.count_change()
    archive.close()


def weekdays(first: date, count: int) -> list[str]:
    days: list[str] = []
    while len(days) < count:
        if first.weekday() < 5:
            days.append(first.isoformat())
        first += timedelta(days=1)
    return days


def rebuild(folder: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of deriving everything, in a process of its own."""
    (folder / "panel.json").unlink(missing_ok=True)
    ours, theirs = FORK.Pipe(duplex=False)

    def work() -> None:
        began = perf_counter()
        open_panel(folder)
        theirs.send((perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

    child = FORK.Process(target=work)
    child.start()
    seconds, peak = ours.recv()
    child.join()
    return float(seconds), float(peak)


def append(folder: Path) -> float:
    """Seconds of carrying the store on to one more session of all instruments."""
    with closing(sqlite3.connect(folder / "archive.db")) as archive, archive:
        last = archive.execute("SELECT max(session) FROM session_changes").fetchone()[0]
        day = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
        rows = archive.execute(
            "SELECT symbol, ?, open, high, low, close, volume FROM bars WHERE session = ?", (day, last)
        ).fetchall()
        archive.executemany(INSERT, rows)
        archive.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
        archive.execute("INSERT INTO generations SELECT value, random() FROM meta WHERE key = 'generation'")
    edition = open_edition(folder)
    began = perf_counter()
    store = open_panel(folder)
    seconds = perf_counter() - began
    assert store.index.edition == edition, "it was derived anew"
    return seconds


def open_edition(folder: Path) -> str:
    return next(path.name for path in folder.glob("panel-*") if path.is_dir())


def last_closes(folder: Path) -> int:
    return int(open_panel(folder).panel.row(-1).close.sum())


def loading(folder: Path) -> dict[str, float]:
    """Getting all bars into memory that can be computed with, by the way they are kept; the store is opened and copied whole."""
    panel = open_panel(folder).panel
    found: dict[str, float] = {"open seconds": timed(lambda: last_closes(folder))}
    with tempfile.TemporaryDirectory(dir=folder) as made:
        paths = [Path(made) / f"{name}.npy" for name in FIELDS]
        for name, path in zip(FIELDS, paths, strict=True):
            np.save(path, getattr(panel, name))
        load = timed(lambda: [np.load(path) for path in paths])
        mapped = timed(lambda: [getattr(open_panel(folder).panel, name)[-1].copy() for name in FIELDS])
        copied = timed(lambda: [np.array(getattr(open_panel(folder).panel, name)) for name in FIELDS])
        found |= {"np.load seconds": load, "mapped / np.load": mapped / load, "copied / np.load": copied / load}
        found |= {f"{name} / np.load": timed(work, 1) / load for name, work in others(folder, Path(made), panel.close)}
    return found


def others(folder: Path, made: Path, closes: Any) -> Sequence[tuple[str, Callable[[], object]]]:
    """The closes alone for Parquet (times the fields for all), and all rows from SQLite."""
    import pandas as pd

    frame = pd.DataFrame(np.array(closes))
    frame.columns = frame.columns.astype(str)
    file = made / "close.parquet"
    frame.to_parquet(file)

    def rows() -> object:
        with closing(sqlite3.connect(folder / "archive.db")) as archive:
            return archive.execute("SELECT symbol, session, open, high, low, close, volume, series FROM bars").fetchall()

    return [("Parquet", lambda: [pd.read_parquet(file).to_numpy() for _ in FIELDS]), ("SQLite rows", rows)]


def timed(work: Callable[[], object], rounds: int = 5) -> float:
    """The median seconds of some rounds."""
    spent = []
    for _ in range(rounds):
        began = perf_counter()
        work()
        spent.append(perf_counter() - began)
    return median(spent)


if __name__ == "__main__":
    main()
