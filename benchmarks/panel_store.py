"""The panel store: one more session against deriving everything, and loading against other ways to store the same bars.

Each figure is the median of several rounds in one process, shown as a ratio, because seconds depend on the machine. The time of
an append is everything after the commit of the rows: reading the archive, deriving, writing, flushing each file, and publishing.
"""

from __future__ import annotations

import multiprocessing
import resource
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.form import Disagreement, Result, Row, at_most
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.panel.refresh import open_panel
from tradectl.model.panel import FIELDS

APPENDS = 5
FORK = multiprocessing.get_context("fork")
INSERT = "INSERT INTO bars VALUES (?, ?, 'EQ', ?, ?, ?, ?, ?, 0, 1)"


def measure(quick: bool) -> Result:
    """Measure in a temporary folder. Writing the archive first is not measured."""
    instruments, sessions = (50, 120) if quick else (2000, 2500)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_archive(folder, instruments, sessions)
        rebuilt, peak = rebuild(folder)
        appended = [(append(folder), rebuilt) for _ in range(APPENDS)]
        rows = [
            Row.share("one more session: deriving everything", appended, at_most(0.02)),
            Row.figure("peak memory of deriving everything", [peak], "MB"),
            *loading(folder),
        ]
    skipped = () if find_spec("pyarrow") else ("pyarrow is not installed",)
    return Result(f"{instruments} instruments x {sessions} sessions", tuple(rows), skipped)


def make_archive(folder: Path, instruments: int, sessions: int) -> None:
    """Write an archive of random walks with a few missing bars; a fifth of the instruments are listed later."""
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
    """Return the first `count` weekdays from a date on, as ISO dates."""
    days: list[str] = []
    while len(days) < count:
        if first.weekday() < 5:
            days.append(first.isoformat())
        first += timedelta(days=1)
    return days


def rebuild(folder: Path) -> tuple[float, float]:
    """Return seconds and peak memory (MB) of deriving everything, in a separate process."""
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
    """Add one session of all instruments to the archive; return the seconds of extending the store. Raises Disagreement."""
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
    if store.index.edition != edition:
        raise Disagreement("the whole store was derived again for one more session")
    return seconds


def open_edition(folder: Path) -> str:
    """Return the name of the store's current edition."""
    return next(path.name for path in folder.glob("panel-*") if path.is_dir())


def loading(folder: Path) -> list[Row]:
    """Return a row for each way to load all bars into arrays, compared with `np.load` of the same bytes.

    A scan reads only the last row of the memory-mapped store, so that case has its own row.
    """
    panel = open_panel(folder).panel
    with tempfile.TemporaryDirectory(dir=folder) as made:
        paths = [Path(made) / f"{name}.npy" for name in FIELDS]
        for name, path in zip(FIELDS, paths, strict=True):
            np.save(path, getattr(panel, name))
        ways: list[tuple[str, Callable[[], object], int]] = [
            ("store opened, last row read", lambda: [getattr(open_panel(folder).panel, name)[-1].copy() for name in FIELDS], 5),
            ("store opened, all rows copied", lambda: [np.array(getattr(open_panel(folder).panel, name)) for name in FIELDS], 5),
            *((name, work, 1) for name, work in others(folder, Path(made), panel.close)),
        ]
        load = timed(lambda: [np.load(path) for path in paths])
        return [Row.share(f"{name}: np.load of as many bytes", [(timed(work, rounds), load)]) for name, work, rounds in ways]


def others(folder: Path, made: Path, closes: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the other ways to load: all rows from SQLite and, with pyarrow, the closes from Parquet once for each field."""

    def rows() -> object:
        with closing(sqlite3.connect(folder / "archive.db")) as archive:
            return archive.execute("SELECT symbol, session, open, high, low, close, volume, series FROM bars").fetchall()

    yield "SQLite rows", rows
    if find_spec("pyarrow"):
        import pandas as pd

        frame = pd.DataFrame(np.array(closes))
        frame.columns = frame.columns.astype(str)
        file = made / "close.parquet"
        frame.to_parquet(file)
        yield "Parquet", lambda: [pd.read_parquet(file).to_numpy() for _ in FIELDS]


def timed(work: Callable[[], object], rounds: int = 5) -> float:
    """Return the median seconds of several rounds."""
    spent = []
    for _ in range(rounds):
        began = perf_counter()
        work()
        spent.append(perf_counter() - began)
    return median(spent)
