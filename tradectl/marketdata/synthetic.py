"""Write an invented market for the demo: companies that do not exist, with prices computed from a seed.

The last sessions contain the dips and recoveries that the strategy trades. The prices say nothing about real markets. The demo
writes them to the archive like an import, so it runs on the same store as real data.
"""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.exchange.ticks import tick_size
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.panel.refresh import derived_with
from tradectl.model.history import Floats
from tradectl.model.moment import at_ist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradectl.exchange.sessions import SessionTable

UNIVERSE = "demo"
SESSIONS = 330
"""Number of sessions if no first date is given: enough for an EMA200 and the minimum number of bars."""
COMPANIES = (
    ("AMBERWELL", "Amberwell Foods"), ("BRINDAVOX", "Brindavox Energy"), ("CORALINE", "Coraline Chemicals"),
    ("DUNEPEAK", "Dunepeak Cement"), ("EVERLOOM", "Everloom Textiles"), ("FALCORIS", "Falcoris Motors"),
    ("GREENQUIL", "Greenquil Paper"), ("HARBINEX", "Harbinex Shipping"), ("INDRAVOLT", "Indravolt Power"),
    ("JASPERON", "Jasperon Pharma"), ("KESTRELLO", "Kestrello Airways"), ("LUMINARQ", "Luminarq Lighting"),
)  # fmt: skip
_PRICES = (42_000, 18_500, 65_000, 120_000, 31_000, 240_000, 9_500, 86_000, 54_000, 150_000, 27_000, 420_000)
"""First price of each company in paise. The prices cover fine and coarse tick sizes."""
_SPLIT_SYMBOL, _SPLIT_BACK, _SPLIT = 2, 9, 5
"""Index of the company that splits, sessions from the split to the end, and new shares for one old."""
_DIP, _RECOVERY = 6, 6


class _Path(Struct, frozen=True):
    """Relative prices and volumes of one company, one value per session, before ticks and splits are applied."""

    close: Floats
    open: Floats
    high: Floats
    low: Floats
    volume: Floats


def make_market(
    folder: Path, sessions: SessionTable, *, last: date, first: date | None = None, seed: int = 7, symbols: int = 12
) -> str:
    """Write the market of `symbols` companies for the sessions `first` to `last`, and return the name of its universe.

    The same arguments give the same market. Raises UsageError if `last` is not a session, if there are fewer than 260
    sessions, or if `symbols` is out of range."""
    if not 3 <= symbols <= len(COMPANIES):
        raise UsageError(f"the demo market has 3 to {len(COMPANIES)} companies, not {symbols}")
    days = _days(sessions, first, last)
    rows: list[dict[str, Any]] = []
    for number in range(symbols):
        path = _path(np.random.default_rng([seed, number]), len(days), number, symbols)
        split_at = len(days) - _SPLIT_BACK if number == _SPLIT_SYMBOL else None
        rows += _bars(COMPANIES[number][0], _PRICES[number], path, days, split_at)
    split_on = days[len(days) - _SPLIT_BACK]
    _write(folder, rows, COMPANIES[:symbols], split_on, f"synthetic-{seed}-{symbols}-{days[0]}-{last}")
    return UNIVERSE


def _days(sessions: SessionTable, first: date | None, last: date) -> list[date]:
    """Return the sessions from `first` to `last`, special ones included; without `first`, the last SESSIONS of them."""
    held = [session.date for session in sessions.between(first or sessions.first, last)]
    if not held or held[-1] != last:
        raise UsageError(f"{last} is not a session of the exchange")
    if first is None:
        held = held[-SESSIONS:]
    if len(held) < 260:
        raise UsageError(f"{held[0]} to {last} has {len(held)} sessions; the demo market needs 260")
    return held


def _path(rng: np.random.Generator, length: int, number: int, symbols: int) -> _Path:
    """Return a rising trend with dips. The last dip starts in the last twenty sessions, on a later day for each company."""
    drift = rng.normal(0.0022, 0.008, length)
    stress = np.zeros(length)
    last_dip = length - 19 + number * 12 // symbols
    for start in [*(s + int(rng.integers(-6, 6)) for s in range(45, last_dip - 30, 55)), last_dip]:
        fall, rise = slice(start, start + _DIP), slice(start + _DIP, start + _DIP + _RECOVERY)
        drift[fall] = rng.normal(-0.016, 0.002, len(drift[fall]))
        drift[rise] = rng.normal(0.013, 0.003, len(drift[rise]))
        stress[fall] = 1
    close = np.exp(np.cumsum(drift))
    before = np.concatenate(([1.0], close[:-1]))
    opened = before * np.exp(rng.normal(0, 0.003, length))
    jumps = rng.random(length) < 0.03
    opened = np.where(jumps & (stress == 0), before * np.exp(rng.normal(0.012, 0.002, length)), opened)
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0.007, 0.003, length)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0.007, 0.003, length)))
    volume = np.exp(rng.normal(0, 0.25, length)) * (1 + 0.8 * stress)
    return _Path(close, opened, high, low, volume)


def _bars(symbol: str, base: int, path: _Path, days: Sequence[date], split_at: int | None) -> list[dict[str, Any]]:
    """Return the archive's rows of a company.

    `base`: first price in paise. Prices are multiples of the month's tick size. From the bar `split_at` on, prices and
    volumes are those after the split; None means no split."""
    shares = 30_000_000_000 / base  # about Rs 30 crore a day
    rows: list[dict[str, Any]] = []
    month_end = base
    for i, day in enumerate(days):
        if i and day.month != days[i - 1].month:
            month_end = rows[-1]["close"]
        parts = _SPLIT if split_at is not None and i >= split_at else 1
        tick = tick_size(day, month_end)
        prices = {
            name: max(tick, round(base * float(getattr(path, name)[i]) / parts / tick) * tick)
            for name in ("open", "high", "low", "close")
        }
        volume = int(shares * path.volume[i] * parts)
        rows.append({"symbol": symbol, "session": day.isoformat(), "series": "EQ", **prices, "volume": volume, "provisional": 0})
    return rows


def _write(folder: Path, rows: list[dict[str, Any]], companies: Sequence[tuple[str, str]], split_on: date, label: str) -> None:
    import pandas as pd

    members = [
        {"list": UNIVERSE, "symbol": symbol, "name": name, "industry": "Invented", "series": "EQ", "isin": _isin(i)}
        for i, (symbol, name) in enumerate(companies)
    ]
    words = f"Face Value Split (Sub-Division) - From Rs {2 * _SPLIT}/- Per Share To Rs 2/- Per Share"
    action = {"symbol": companies[_SPLIT_SYMBOL][0], "ex_date": split_on.isoformat(), "subject": words}
    archive = Archive(folder)
    try:
        with derived_with(archive):
            noted = at_ist(date.fromisoformat(rows[-1]["session"]), time(18))
            file_id = archive.record_file(label, label, "synthetic", len(rows), noted)
            for table, content in (("bars", rows), ("lists", members), ("actions", [action])):
                archive.merge(table, pd.DataFrame(content), file_id, replace=True, source=label)
            archive.count_change()
    finally:
        archive.close()


def _isin(number: int) -> str:
    """Return an ISIN in the form of an Indian share, with its check digit (ISO 6166). The issuer codes are invented."""
    body = f"INE9Z{chr(ord('A') + number)}A0101"
    digits = "".join(str(int(character, 36)) for character in body)
    total = sum(sum(divmod(int(digit) * (2 - i % 2), 10)) for i, digit in enumerate(reversed(digits)))
    return f"{body}{-total % 10}"
