"""Is the stored data sound? Findings, counted and with examples; the data is only looked at, never changed.

Indicators are compared bit for bit with `ta`, which defines them: a difference is an error of ours, not of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.reading import read_archive
from tradectl.strategy.indicators import ema, rsi

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.model.history import Floats, History

EXAMPLES = 5
DAMAGED = "damaged rows of the panel store (--repair derives it anew)"
JUMP = 0.20
"""A close this far from the one before, adjusted, wants a corporate action that explains it."""


@dataclass(frozen=True)
class Finding:
    """`severity`: error (the data is wrong), warning (look at it), note (may well be so). `count` in all, and some examples."""

    kind: str
    severity: str
    count: int
    examples: tuple[str, ...]


def check(store: Store, universe: str = "all", *, indicators: bool = False) -> tuple[Finding, ...]:
    """What was looked for in the histories of a universe and how often it was found, the grave first, zeros too.
    `indicators` also compares RSI and EMA with `ta`."""
    histories = {i: history for i in store.universe(universe) if (history := store.history(i)) is not None}
    if not histories:
        raise DataError(f"{universe}: has no bars to check")
    kinds = [
        _damage(store),
        _shapes(histories),
        _order(histories),
        _second_names(store),
        _missing_sessions(store, histories),
        _jumps(store, histories),
        _holes(histories),
    ]
    if indicators:
        kinds.insert(0, _indicators(histories))
    return tuple(sorted(kinds, key=lambda finding: ("error", "warning", "note").index(finding.severity)))


def _finding(kind: str, severity: str, found: Sequence[str]) -> Finding:
    return Finding(kind, severity, len(found), tuple(found[:EXAMPLES]))


def _shapes(histories: Mapping[str, History]) -> Finding:
    found = []
    for name, h in histories.items():
        wrong = (h.low <= 0) | (h.high < np.maximum(h.open, h.close)) | (h.low > np.minimum(h.open, h.close)) | (h.volume < 0)
        found += [f"{name} {h.session(int(i))}" for i in np.flatnonzero(wrong)]
    return _finding("bars whose prices cannot be", "error", found)


def _order(histories: Mapping[str, History]) -> Finding:
    found = []
    for name, h in histories.items():
        found += [f"{name} {h.session(int(i) + 1)}" for i in np.flatnonzero(np.diff(h.sessions) <= 0)]
    return _finding("bars repeated or out of order", "error", found)


def _damage(store: Store) -> Finding:
    """Rows of the panel store that are not what was written. It is derived, so it can be made again."""
    return _finding(DAMAGED, "error", [str(day) for day in store.damaged()])


def _second_names(store: Store) -> Finding:
    """Rows of the archive that the panel left out, because the instrument had a bar under its proper name that day."""
    with closing(read_archive(store.folder)) as archive:
        rows = int(archive.execute("SELECT count(*) FROM bars").fetchone()[0])
    left_out = rows - store.stored_bars()
    text = f"{left_out} bars under a name that was not the instrument's own on that day"
    return Finding("bars under two names", "warning", left_out, (text,))


def _missing_sessions(store: Store, histories: Mapping[str, History]) -> Finding:
    """Sessions of the exchange on which nobody has a bar."""
    held = {int(day) for history in histories.values() for day in (history.sessions[0], history.sessions[-1])}
    known = set(np.unique(np.concatenate([history.sessions for history in histories.values()])).tolist())
    first, last = max(date.fromordinal(min(held)), store.sessions.first), date.fromordinal(max(held))
    days = store.sessions.between(first, last) if first <= last else []
    return _finding("sessions without any bar", "warning", [str(s.date) for s in days if s.date.toordinal() not in known])


def _holes(histories: Mapping[str, History]) -> Finding:
    """Sessions inside a symbol's life on which others have a bar and it has none: listing pauses, suspensions, lost files."""
    known = np.unique(np.concatenate([history.sessions for history in histories.values()]))
    holes = {}
    for name, h in histories.items():
        there = np.searchsorted(known, h.sessions[-1]) - np.searchsorted(known, h.sessions[0]) + 1
        if there > len(h):
            holes[name] = int(there) - len(h)
    worst = sorted(holes, key=lambda name: (-holes[name], name))
    return Finding("holes in a symbol's life", "note", sum(holes.values()), tuple(f"{n} {holes[n]}" for n in worst[:EXAMPLES]))


def _jumps(store: Store, histories: Mapping[str, History]) -> Finding:
    found = []
    for name, h in histories.items():
        adjusted = h.close * h.multiplier
        change = adjusted[1:] / adjusted[:-1] - 1
        for i in np.flatnonzero(np.abs(change) > JUMP):
            before, after = h.session(int(i)), h.session(int(i) + 1)
            if not store.actions(name, before, after):
                found.append(f"{name} {after} {change[i]:+.1%}")
    return _finding("jumps of more than 20 % without an action", "warning", found)


def _indicators(histories: Mapping[str, History]) -> Finding:
    """RSI10, EMA9 and EMA200 of the adjusted closes against `ta`, every value of every symbol."""
    found = []
    for name, h in histories.items():
        closes = h.close / 100 * h.multiplier
        found += [f"{name} {what}" for what, ours, theirs in _both(closes) if not np.array_equal(ours, theirs, equal_nan=True)]
    return _finding("indicators that differ from ta", "error", found)


def _both(closes: Floats) -> Iterator[tuple[str, Floats, Floats]]:
    import pandas as pd
    from ta.momentum import RSIIndicator
    from ta.trend import EMAIndicator

    prices = pd.Series(closes)
    yield "RSI10", rsi(closes, 10), RSIIndicator(prices, window=10).rsi().to_numpy()
    for span in (9, 200):
        yield f"EMA{span}", ema(closes, span), EMAIndicator(prices, window=span).ema_indicator().to_numpy()
