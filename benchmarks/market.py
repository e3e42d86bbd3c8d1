"""Make the synthetic market of the benchmarks: random prices from a seed, with the features of real prices.

The prices are mean-reverting walks with dips deep enough for the rules, and volumes above the least turnover. There are late
listings, suspensions and splits. Work in one process uses a `Panel`; whole commands use a home, written through the archive.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np

from tradectl.exchange.overrides import write_days
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.model.history import Floats
from tradectl.model.panel import GAP, NOT_LISTED, SERIES, Panel

SEED = 4
TICK = 10
"""The tick in paise. It is a multiple of every tick that the exchange has used for shares under Rs 5,000."""
LOWEST, HIGHEST = 20_00, 4_900_00
SPLIT = 5
LATE, SPLITTING, SUSPENDED, MISSING = 0.25, 0.02, 0.05, 0.0002
"""Fractions of the instruments that are listed late, split, or suspended; and the fraction of single bars that are missing."""
SUSPENSION = 15
"""The length of a suspension in sessions."""
TURNOVER = 20_00_00_000_00
"""The approximate turnover in paise a session: twenty times the least turnover of the universe."""
YEARS = (2027, 2028)
"""Years after the shipped session table that a home declares, so that there are 2,500 sessions."""


def closes(symbols: int, sessions: int, seed: int = SEED) -> Floats:
    """Return closes in rupees without missing bars, for benchmarks of indicators."""
    return _walk(np.random.default_rng([seed, symbols, sessions]), symbols, sessions) / 100


@cache
def calendar() -> SessionTable:
    """Return the sessions of a home: the shipped table, and the weekdays of YEARS."""
    with tempfile.TemporaryDirectory() as folder:
        return _calendar(Path(folder) / "sessions.csv")


def _calendar(path: Path) -> SessionTable:
    for year in YEARS:
        write_days(path, (), year, "invented")
    return SessionTable.load(path)


def panel(symbols: int, sessions: int, seed: int = SEED, *, plain: bool = False) -> Panel:
    """Return the market as a panel that starts at the calendar's first session.

    The same arguments give the same market. A `plain` market has no missing bars and no splits.
    """
    rng = np.random.default_rng([seed, symbols, sessions])
    adjusted = _walk(rng, symbols, sessions)
    multiplier = np.ones((sessions, symbols)) if plain else _multipliers(rng, symbols, sessions)
    close = _on_tick(adjusted / multiplier)
    opened = _on_tick(np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.006, close.shape)))
    opened[_changes(multiplier)] = close[_changes(multiplier)]
    high = _on_tick(np.maximum(opened, close) * np.exp(np.abs(rng.normal(0.006, 0.004, close.shape))))
    low = _on_tick(np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0.006, 0.004, close.shape))))
    high, low = np.maximum(high, np.maximum(opened, close)), np.minimum(low, np.minimum(opened, close))
    volume = (TURNOVER / close * np.exp(rng.normal(0, 0.3, close.shape))).astype(np.int64)
    state = np.full(close.shape, SERIES["EQ"], dtype=np.int8) if plain else _states(rng, symbols, sessions)
    for field in (opened, high, low, close, volume):
        field[state <= 0] = 0
    days = [session.date.toordinal() for session in calendar().between(calendar().first, calendar().last)]
    if len(days) < sessions:
        raise ValueError(f"the calendar has {len(days)} sessions, not {sessions}")
    names = tuple(f"SYM{number:04}" for number in range(symbols))
    prices = {name: field.astype(np.int32) for name, field in (("open", opened), ("high", high), ("low", low), ("close", close))}
    ordinals = np.array(days[:sessions], dtype=np.int64)
    return Panel(names, ordinals, **prices, volume=volume, state=state, multiplier=multiplier)


def _walk(rng: np.random.Generator, symbols: int, sessions: int) -> Floats:
    """Return prices in paise whose logarithms return to their start by a thousandth of the distance each session."""
    steps = rng.normal(0, 0.018, (sessions, symbols))
    for session in range(1, sessions):
        steps[session] += 0.999 * steps[session - 1]
    base = np.exp(rng.uniform(np.log(100_00), np.log(1_500_00), symbols))
    return _on_tick(base * np.exp(steps))


def _on_tick(paise: Floats) -> Floats:
    found: Floats = np.clip(np.round(paise / TICK) * TICK, LOWEST, HIGHEST)
    return found


def _multipliers(rng: np.random.Generator, symbols: int, sessions: int) -> Floats:
    """Return the price multipliers: 1 before a split, SPLIT from the split on."""
    multiplier = np.ones((sessions, symbols))
    for symbol in np.flatnonzero(rng.random(symbols) < SPLITTING):
        multiplier[int(rng.integers(sessions // 2, sessions)) :, symbol] = SPLIT
    return multiplier


def _changes(multiplier: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.vstack([np.zeros_like(multiplier[:1], dtype=bool), multiplier[1:] != multiplier[:-1]])


def _states(rng: np.random.Generator, symbols: int, sessions: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """Return the state of each bar: traded, missing or not listed. All instruments have a bar in the last session."""
    state = np.full((sessions, symbols), SERIES["EQ"], dtype=np.int8)
    state[:-1][rng.random((sessions - 1, symbols)) < MISSING] = GAP
    for symbol in np.flatnonzero(rng.random(symbols) < SUSPENDED).tolist():
        begin = int(rng.integers(0, max(sessions - SUSPENSION - 1, 1)))
        state[begin : begin + SUSPENSION, symbol] = GAP
    for symbol in np.flatnonzero(rng.random(symbols) < LATE).tolist():
        state[: int(rng.integers(1, sessions)), symbol] = NOT_LISTED
    for symbol in range(symbols):
        state[: int((state[:, symbol] > 0).argmax()), symbol] = NOT_LISTED
    return state


_homes = tempfile.TemporaryDirectory(prefix="tradectl-benchmarks-")
atexit.register(_homes.cleanup)


@cache
def home(symbols: int, sessions: int, seed: int = SEED) -> Path:
    """Return a home with the market in its archive, without derived data.

    Each home is made once in a run and deleted at its end. Copy the home before changing it.
    """
    folder = Path(_homes.name) / f"home-{symbols}-{sessions}-{seed}"
    folder.mkdir()
    _calendar(folder / "sessions.csv")
    write(folder / "market", panel(symbols, sessions, seed))
    return folder


def write(folder: Path, market: Panel) -> None:
    """Write a panel to a new archive: bars, splits, and an ISIN for each instrument.

    The rows are inserted directly, one instrument after the other, and the index by session is made at the end. An import would
    spend most of its time comparing five million new rows with an empty table.
    """
    archive = Archive(folder)
    try:
        with archive.transaction():
            at = datetime.fromordinal(int(market.sessions[-1])).replace(hour=14, tzinfo=UTC)
            file = archive.record_file("invented", "invented", "synthetic", int((market.state > 0).sum()), at)
            execute = archive.db.conn.executemany
            archive.db.execute("DROP INDEX bars_by_session")
            execute("INSERT INTO bars VALUES (?, ?, 'EQ', ?, ?, ?, ?, ?, 0, ?)", _bars(market, file))
            archive.db.execute("CREATE INDEX bars_by_session ON bars (session)")
            securities = ((name, name, "EQ", _isin(number), "2000-01-01", file) for number, name in enumerate(market.instruments))
            execute("INSERT INTO securities VALUES (?, ?, ?, ?, ?, ?)", securities)
            execute("INSERT INTO actions VALUES (?, ?, ?, ?)", _splits(market, file))
            archive.count_change()
    finally:
        archive.close()


def _bars(market: Panel, file: int) -> Iterator[tuple[object, ...]]:
    days = np.array([date.fromordinal(ordinal).isoformat() for ordinal in market.sessions.tolist()])
    for column, name in enumerate(market.instruments):
        there = np.flatnonzero(market.state[:, column] > 0)
        fields = (market.open, market.high, market.low, market.close, market.volume)
        for day, *values in zip(days[there].tolist(), *(field[there, column].tolist() for field in fields), strict=True):
            yield name, day, *values, file


def _splits(market: Panel, file: int) -> Iterator[tuple[object, ...]]:
    words = f"Face Value Split (Sub-Division) - From Rs {2 * SPLIT}/- Per Share To Rs 2/- Per Share"
    for session, column in np.argwhere(_changes(market.multiplier)).tolist():
        yield market.instruments[column], date.fromordinal(int(market.sessions[session])).isoformat(), words, file


def _isin(number: int) -> str:
    """Return an ISIN in the form of an Indian share's, with a valid check digit (ISO 6166)."""
    body = f"INE{np.base_repr(number, 36):>03}A0101"
    digits = "".join(str(int(character, 36)) for character in body)
    total = sum(sum(divmod(int(digit) * (2 - i % 2), 10)) for i, digit in enumerate(reversed(digits)))
    return f"{body}{-total % 10}"
