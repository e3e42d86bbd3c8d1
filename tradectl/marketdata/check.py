"""Check the stored data and return findings with their counts and examples. The data is read, never changed.

Indicators are compared bit for bit with the library `ta`, which defines them. A difference is an error of tradectl, not of the
data. Prices are compared with corporate actions: jumps that no action explains, and factors that the prices do not show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from tradectl.errors import DataError
from tradectl.marketdata.action_words import has_typing_error
from tradectl.marketdata.reading import read_archive
from tradectl.model.gap_limit import LIMIT
from tradectl.model.market import ActionKind
from tradectl.strategy.indicators import ema, rsi
from tradectl.strategy.trusted_prices import WINDOW, describe, jumps, lacking_sessions, why_missing

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.model.history import Floats, History

EXAMPLES = 5
UNEXPLAINED = "opening gaps that no corporate action explains"
NOT_SHOWN = "factors of corporate actions that the prices do not show (already adjusted?)"
CORRECTED = "share changes whose text has a corrected typing error"
UNKNOWN = "unknown corporate actions (`data actions` decides them)"
QUESTIONS = frozenset({UNEXPLAINED, NOT_SHOWN, UNKNOWN})
"""Kinds of finding that the operator must decide. Until then the symbol is not bought."""
LACKING = f"symbols without a bar on one of the last {WINDOW} sessions (missing_bars)"
DAMAGED = "damaged rows of the panel store (--repair derives the store again)"
MOVE = 0.20
"""A close is reported if it moved by more than this part; the move may be real: some shares have no fixed price band."""


class Finding(Struct, frozen=True):
    """Represent the result of one check.

    `severity`: error (the data is wrong), warning (check it) or note (may be correct). `count`: number of all cases."""

    kind: str
    severity: str
    count: int
    examples: tuple[str, ...]
    """All cases for the kinds that name each case; otherwise at most EXAMPLES."""


def check(store: Store, universe: str = "all", *, indicators: bool = False) -> tuple[Finding, ...]:
    """Return the findings in the histories of a universe, errors first. Findings with a count of 0 are included.

    `indicators` also compares RSI and EMA with `ta`. Raises DataError if no symbol has bars."""
    histories = {i: history for i in store.universe(universe) if (history := store.history(i)) is not None}
    if not histories:
        raise DataError(f"no bar of {universe} is stored: `tradectl prices --force` fetches them, `tradectl data import` files")
    kinds = [
        _damage(store),
        _shapes(histories),
        _order(histories),
        _second_names(store),
        _missing_sessions(store, histories),
        _unknown(store, histories),
        *_jumps(store, histories),
        _corrected(store, histories),
        _demergers(histories, store),
        _moves(histories),
        _decisions(store),
        _surveillance(store),
        _lacking(store, histories),
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
    return _finding("bars with impossible prices", "error", found)


def _order(histories: Mapping[str, History]) -> Finding:
    found = []
    for name, h in histories.items():
        found += [f"{name} {h.session(int(i) + 1)}" for i in np.flatnonzero(np.diff(h.sessions) <= 0)]
    return _finding("bars repeated or out of order", "error", found)


def _damage(store: Store) -> Finding:
    """Return the damaged rows of the panel store. The store can be derived again from the archive."""
    return _finding(DAMAGED, "error", [str(day) for day in store.damaged()])


def _second_names(store: Store) -> Finding:
    """Return how many bars the panel left out, because the day also has a bar under the instrument's symbol of that day."""
    with closing(read_archive(store.folder)) as archive:
        rows = int(archive.execute("SELECT count(*) FROM bars").fetchone()[0])
    left_out = rows - store.stored_bars()
    text = f"{left_out} bars under a symbol that the instrument did not have that day"
    return Finding("bars under two names", "warning", left_out, (text,))


def _missing_sessions(store: Store, histories: Mapping[str, History]) -> Finding:
    """Return the sessions of the exchange without a bar of any symbol."""
    held = {int(day) for history in histories.values() for day in (history.sessions[0], history.sessions[-1])}
    known = set(np.unique(np.concatenate([history.sessions for history in histories.values()])).tolist())
    first, last = max(date.fromordinal(min(held)), store.sessions.first), date.fromordinal(max(held))
    days = store.sessions.between(first, last) if first <= last else []
    return _finding("sessions without any bar", "warning", [str(s.date) for s in days if s.date.toordinal() not in known])


def _holes(histories: Mapping[str, History]) -> Finding:
    """Return the sessions between a symbol's first and last bar on which only other symbols have a bar.

    Causes are suspensions, pauses of the listing and lost files."""
    known = np.unique(np.concatenate([history.sessions for history in histories.values()]))
    holes = {}
    for name, h in histories.items():
        there = np.searchsorted(known, h.sessions[-1]) - np.searchsorted(known, h.sessions[0]) + 1
        if there > len(h):
            holes[name] = int(there) - len(h)
    worst = sorted(holes, key=lambda name: (-holes[name], name))
    kind = "missing bars between a symbol's first and last bar"
    return Finding(kind, "note", sum(holes.values()), tuple(f"{n} {holes[n]}" for n in worst[:EXAMPLES]))


def _lacking(store: Store, histories: Mapping[str, History]) -> Finding:
    """Return the symbols that `analyze` excludes by the rule `missing_bars`, each with the sessions without a bar."""
    found = []
    for name, h in histories.items():
        days = lacking_sessions(h, store.panel().sessions)
        if len(days):
            found.append(f"{name} {date.fromordinal(int(days[-1]))}: {why_missing(days)}")
    return Finding(LACKING, "warning", len(found), tuple(found))


def _surveillance(store: Store) -> Finding:
    """Return the surveillance lists that are missing or old as of the newest bars.

    Empty if no list was ever imported; `analyze` and `data list` report that case."""
    newest = store.last_session()
    found = store.surveillance(newest) if newest is not None else None
    doubt = found.doubt() if found is not None and found.lists else ""
    return _finding("surveillance lists that are missing or old", "note", [doubt] if doubt else [])


def _jumps(store: Store, histories: Mapping[str, History]) -> Iterator[Finding]:
    """Yield the opening gaps that no action explains, and the factors that the prices do not show. Each case is named."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for name, h in histories.items():
        for jump in jumps(h, store.actions(name, date.min, date.max)):
            before, after = h.close[jump.index - 1] / 100, h.open[jump.index] / 100
            rows = f"close {before:.2f} on {jump.before}, open {after:.2f}"
            found[jump.applied].append(f"{name} {describe(jump)} [{rows}{store.announced_in(jump.actions)}]")
    yield Finding(UNEXPLAINED, "warning", len(found[False]), tuple(found[False]))
    yield Finding(NOT_SHOWN, "warning", len(found[True]), tuple(found[True]))


def _unknown(store: Store, histories: Mapping[str, History]) -> Finding:
    """Return the actions whose effect on the shares is unclear. The symbol is not traded from the ex-date on."""
    found = [
        f"{name} {action.ex_date}: {action.subject}{store.announced_in((action,))}"
        for name in histories
        if name in store.undecided()
        for action in store.actions(name, store.undecided()[name] - timedelta(days=1), date.max)
        if action.kind is ActionKind.UNKNOWN
    ]
    return Finding(UNKNOWN, "warning", len(found), tuple(found))


def _corrected(store: Store, histories: Mapping[str, History]) -> Finding:
    """Return the share changes whose text has a corrected typing error. The operator should compare them with the text."""
    found = [
        f"{name} {action.ex_date}: {action.ratio} for 1 ({action.subject})"
        for name in histories
        for action in store.actions(name, date.min, date.max)
        if action.ratio != 1 and has_typing_error(action.subject)
    ]
    return Finding(CORRECTED, "note", len(found), tuple(found))


def _demergers(histories: Mapping[str, History], store: Store) -> Finding:
    """Return the demergers whose factor, computed from the open, is larger than a day's price band."""
    found = []
    for name, h in histories.items():
        for action in store.actions(name, date.min, date.max):
            index = h.index(action.ex_date) if action.kind is ActionKind.DEMERGER else None
            if index and abs((left := float(h.multiplier[index - 1] / h.multiplier[index])) - 1) > LIMIT:
                found.append(f"{name} {action.ex_date} {left:.3g} ({action.subject})")
    return _finding("demergers whose factor is larger than a day's band", "note", found)


def _moves(histories: Mapping[str, History]) -> Finding:
    found = []
    for name, h in histories.items():
        adjusted = h.close * h.multiplier
        change = adjusted[1:] / adjusted[:-1] - 1
        found += [f"{name} {h.session(int(i) + 1)} {change[i]:+.1%}" for i in np.flatnonzero(np.abs(change) > MOVE)]
    return _finding("adjusted closes that moved by more than 20 %", "note", found)


def _decisions(store: Store) -> Finding:
    """Return the operator's decisions about corporate actions. No import changes them."""
    found = [
        f"{name} {ex_date} {verdict} {ratio}".rstrip() + f", decided {decided_at[:10]}" + (f": {note}" if note else "")
        for name, rows in store.decisions().items()
        for ex_date, verdict, ratio, note, decided_at in rows
    ]
    return Finding("decisions about corporate actions (`data actions`)", "note", len(found), tuple(found))


def _indicators(histories: Mapping[str, History]) -> Finding:
    """Return the symbols whose RSI10, EMA9 or EMA200 of the adjusted closes differs from `ta` in any value."""
    found = []
    for name, h in histories.items():
        closes = h.close / 100 * h.multiplier
        found += [f"{name} {what}" for what, ours, theirs in _both(closes) if not np.array_equal(ours, theirs, equal_nan=True)]
    return _finding("indicators that differ from ta", "error", found)


def _both(closes: Floats) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield the name of each indicator, its values by tradectl, and its values by `ta`."""
    import pandas as pd
    from ta.momentum import RSIIndicator
    from ta.trend import EMAIndicator

    prices = pd.Series(closes)
    yield "RSI10", rsi(closes, 10), RSIIndicator(prices, window=10).rsi().to_numpy()
    for span in (9, 200):
        yield f"EMA{span}", ema(closes, span), EMAIndicator(prices, window=span).ema_indicator().to_numpy()
