"""The series made for scanning: one .npy column for all instruments, memory-mapped, sorted by instrument and session.

They are derived from the archive and can be thrown away. A folder `series-<generation>` is built aside and renamed into place, so
it is whole or absent; one that is missing, stale or damaged (a file of another size than noted) is built again when opened.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sqlite3
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.errors import DatabaseError, DataError
from tradectl.marketdata.adjustment import multipliers, steps
from tradectl.marketdata.identity import Rename, Renames
from tradectl.marketdata.purpose import read_actions
from tradectl.model.history import History
from tradectl.model.market import CorporateAction

FORMAT = 1
"""Of the folder; it rises whenever what is derived, or how, changes (the reading of purposes too)."""
ARCHIVE = "archive.db"
DERIVED_FROM = ("bars", "lists", "securities", "renames", "actions")
"""A change in another table of the archive leaves the series as they are."""
COLUMNS = ("sessions", "open", "high", "low", "close", "volume", "series", "multiplier")
_Columns = dict[str, NDArray[Any]]


class Series:
    """An open folder of series. Reading is lazy: columns are mapped, facts are parsed at first use."""

    def __init__(self, path: Path, generation: int) -> None:
        """Raises OSError, ValueError or KeyError where the folder is not whole."""
        index = json.loads((path / "index.json").read_text())
        if index["format"] != FORMAT or index["generation"] != generation:
            raise ValueError("stale")
        for name, size in index["sizes"].items():
            if (path / name).stat().st_size != size:
                raise ValueError(f"{name} is damaged")
        self.path = path
        self.rows: Mapping[str, tuple[int, int]] = {key: (a, b) for key, (a, b) in index["instruments"].items()}
        self.sessions: list[int] = index["all_sessions"]
        self._columns = {name: _mapped(path / f"{name}.npy") for name in COLUMNS}

    def history(self, instrument_id: str) -> History | None:
        """All bars of an instrument, None without any."""
        rows = self.rows.get(instrument_id)
        if rows is None:
            return None
        return History(instrument_id, *(self._columns[name][rows[0] : rows[1]] for name in COLUMNS))

    def last_session(self, through: date | None) -> date | None:
        """The last session with a bar of anybody, not later than `through`."""
        end = bisect_right(self.sessions, through.toordinal()) if through else len(self.sessions)
        return date.fromordinal(self.sessions[end - 1]) if end else None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """`renames`, `actions`, `lists` and `securities`, as `_facts` wrote them."""
        facts: dict[str, Any] = json.loads((self.path / "facts.json").read_text())
        return facts

    @cached_property
    def renames(self) -> Renames:
        return Renames(Rename(old, new, date.fromisoformat(dated)) for old, new, dated in self.facts["renames"])

    def actions(self, instrument_id: str) -> tuple[CorporateAction, ...]:
        """All known actions of an instrument, oldest first."""
        return read_actions(instrument_id, _dated(self.facts["actions"].get(instrument_id, ())))


def open_series(folder: Path) -> Series:
    """The series of an archive as it is now, built first if need be. DataError without an archive."""
    generation = archive_generation(folder)
    path = folder / f"series-{generation}"
    try:
        return Series(path, generation)
    except (OSError, ValueError, KeyError, TypeError):
        return Series(build_series(folder), archive_generation(folder))


def read_archive(folder: Path) -> sqlite3.Connection:
    """A read-only connection, whatever thread it is used from."""
    path = folder / ARCHIVE
    if not path.exists():
        raise DataError(f"no market data in {folder}: import some with `tradectl data import`, or try `tradectl demo`")
    try:
        if path.with_name(f"{ARCHIVE}-journal").exists():
            _undo_half_an_import(path)
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30, check_same_thread=False)
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from error


def _undo_half_an_import(path: Path) -> None:
    """An import that was killed, or met a full disk, leaves its journal behind. Whoever reads next undoes it, and needs to write
    for that; while an import is at work this changes nothing."""
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
        connection.execute("SELECT value FROM meta").fetchone()


def archive_generation(folder: Path) -> int:
    with contextlib.closing(read_archive(folder)) as connection:
        try:
            row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        except sqlite3.Error as error:
            raise DatabaseError(f"{folder / ARCHIVE}: {error}") from error
    return int(row[0])


def build_series(folder: Path) -> Path:
    """Derive the series from the archive as it is; the new folder. Readers of an older one keep what they have mapped."""
    with contextlib.closing(read_archive(folder)) as connection:
        connection.execute("BEGIN")  # one state of the archive for all that follows
        target = derive_series(folder, connection)
    forget_older_series(target)
    return target


def derive_series(folder: Path, connection: sqlite3.Connection) -> Path:
    """Derive the series from what a connection sees, and put them in place; the new folder. Raises DatabaseError.

    An import does it before it commits: where the disk is too full for the series, the bars are not kept either.
    """
    try:
        generation = int(connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0])
        facts = _facts(connection)
        symbols, columns = _bars(connection)
    except sqlite3.Error as error:
        raise DatabaseError(f"{folder / ARCHIVE}: {error}") from error
    target = folder / f"series-{generation}"
    try:
        work = Path(tempfile.mkdtemp(prefix=f".series-{generation}-", dir=folder))
        try:
            _write(work, generation, facts, *_by_instrument(symbols, columns, facts))
            _put_in_place(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise DatabaseError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def _facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """What is small, in one file: renames, (ex-date, subject) by instrument, members by list, (name, isin) by symbol."""
    renames = connection.execute("SELECT old, new, dated FROM renames ORDER BY dated, old").fetchall()
    chains = Renames(Rename(old, new, date.fromisoformat(dated)) for old, new, dated in renames)
    actions: dict[str, list[tuple[str, str]]] = {}
    for symbol, ex_date, subject in connection.execute("SELECT symbol, ex_date, subject FROM actions ORDER BY symbol, ex_date"):
        # NSE's list uses today's names for old dates; any other name is the one of its ex-date.
        owner = symbol if chains.is_last_name(symbol) else chains.resolve(symbol, date.fromisoformat(ex_date))
        actions.setdefault(owner, []).append((ex_date, subject))
    lists: dict[str, list[str]] = {}
    securities: dict[str, tuple[str, str]] = {}
    for name, symbol, company, isin in connection.execute("SELECT list, symbol, name, isin FROM lists ORDER BY list, symbol"):
        lists.setdefault(name, []).append(symbol)
        securities[symbol] = (company, isin)
    for symbol, company, isin in connection.execute("SELECT symbol, name, isin FROM securities"):
        securities[symbol] = (company, isin)
    return {"renames": renames, "actions": actions, "lists": lists, "securities": securities}


def _bars(connection: sqlite3.Connection) -> tuple[list[str], _Columns]:
    rows = connection.execute(
        "SELECT symbol, session, open, high, low, close, volume, series FROM bars ORDER BY symbol, session"
    ).fetchall()
    symbols, sessions, opens, highs, lows, closes, volumes, series = zip(*rows, strict=True) if rows else ((),) * 8
    ordinals = {text: date.fromisoformat(text).toordinal() for text in set(sessions)}
    whole = {"open": opens, "high": highs, "low": lows, "close": closes, "volume": volumes}
    columns: _Columns = {name: np.array(values, dtype=np.int64) for name, values in whole.items()}
    columns["sessions"] = np.array([ordinals[text] for text in sessions], dtype=np.int64)
    columns["series"] = np.array(series, dtype="<U2")
    return list(symbols), columns


def _by_instrument(
    symbols: list[str], columns: _Columns, facts: Mapping[str, Any]
) -> tuple[dict[str, tuple[int, int]], _Columns]:
    """Rows sorted by instrument and session with their multipliers, and each instrument's range of rows.

    Where two names of one instrument have a bar on one session, the name it had on that day wins.
    """
    renames = Renames(Rename(old, new, date.fromisoformat(dated)) for old, new, dated in facts["renames"])
    sessions = columns["sessions"]
    ids, foreign = [], np.zeros(len(symbols), dtype=np.int8)
    for row, symbol in enumerate(symbols):
        owner = symbol
        if renames.touches(symbol):
            day = date.fromordinal(int(sessions[row]))
            owner = renames.resolve(symbol, day)
            foreign[row] = renames.name_on(owner, day) != symbol
        ids.append(owner)
    names, owners = np.unique(np.array(ids, dtype=np.str_), return_inverse=True)
    order = np.lexsort((foreign, sessions, owners))
    owners, days = owners[order], sessions[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (owners[1:] != owners[:-1]) | (days[1:] != days[:-1])
    ordered = {name: values[order][first] for name, values in columns.items()}
    owners = owners[first]
    bounds = np.searchsorted(owners, np.arange(len(names) + 1))
    rows = {str(name): (int(bounds[i]), int(bounds[i + 1])) for i, name in enumerate(names)}
    ordered["multiplier"] = np.ones(len(owners))
    for name, (start, stop) in rows.items():
        actions = read_actions(name, _dated(facts["actions"].get(name, ())))
        own = ordered["sessions"][start:stop]
        path = steps(actions, own, ordered["open"][start:stop], ordered["close"][start:stop])
        ordered["multiplier"][start:stop] = multipliers(path, own)
    return rows, ordered


def _write(work: Path, generation: int, facts: Mapping[str, Any], rows: Mapping[str, tuple[int, int]], columns: _Columns) -> None:
    for name in COLUMNS:
        content = io.BytesIO()
        np.save(content, columns[name])
        with (work / f"{name}.npy").open("wb") as file:
            file.write(content.getbuffer())  # numpy's own way to a file does not say that the disk is full
            _flush(file.fileno(), file)
    _write_json(work / "facts.json", facts)
    sizes = {path.name: path.stat().st_size for path in work.iterdir()}
    index = {
        "format": FORMAT,
        "generation": generation,
        "sizes": sizes,
        "instruments": rows,
        "all_sessions": np.unique(columns["sessions"]).tolist(),
    }
    _write_json(work / "index.json", index)


def _write_json(path: Path, content: object) -> None:
    with path.open("w") as file:
        json.dump(content, file, separators=(",", ":"))
        _flush(file.fileno(), file)


def _flush(descriptor: int, file: Any) -> None:
    file.flush()
    os.fsync(descriptor)


def _put_in_place(work: Path, target: Path) -> None:
    """Rename the finished folder over whatever stands there: a damaged one, or the same by somebody faster."""
    work.chmod(0o755)
    try:
        work.rename(target)
    except OSError:
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)


def drop_series(path: Path) -> None:
    """Take a folder away whose generation was never committed; one that is left is written over by the next import."""
    shutil.rmtree(path, ignore_errors=True)


def forget_older_series(target: Path) -> None:
    """Clear away the folders of earlier generations."""
    generation = int(target.name.rpartition("-")[2])
    for other in target.parent.glob("*series-*"):
        parts = other.name.split("-")
        if parts[0] in {"series", ".series"} and parts[1].isdigit() and int(parts[1]) < generation:
            shutil.rmtree(other, ignore_errors=True)


def _mapped(path: Path) -> NDArray[Any]:
    """The column, mapped read-only; as a plain array, since slicing a memmap object costs more. Nothing cannot be mapped."""
    if path.stat().st_size <= 128:
        return np.asarray(np.load(path))
    return np.asarray(np.load(path, mmap_mode="r"))


def _dated(rows: Iterable[tuple[str, str]]) -> list[tuple[date, str]]:
    return [(date.fromisoformat(ex_date), subject) for ex_date, subject in rows]
