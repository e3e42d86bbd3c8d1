"""A sweep of 200 settings on 500 instruments over 2,500 sessions against the same as single backtests.

The single backtests would take most of an hour, so a sample of them, drawn over settings and instruments, is timed and multiplied
by how many there are. Each of the sample must have the very trades that the sweep has for it.
"""

from __future__ import annotations

from datetime import date
from itertools import product
from time import process_time

import numpy as np

from benchmarks.form import Disagreement, Result, Row, at_least
from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History
from tradectl.model.market import Instrument
from tradectl.research import lanes
from tradectl.research.closed import Closed
from tradectl.research.sweep import CHUNK
from tradectl.strategy.backtest import gated
from tradectl.strategy.facts import Facts
from tradectl.strategy.features import features
from tradectl.strategy.lane_market import LaneMarket, Listing
from tradectl.strategy.parameters import Parameters

SEED = 4
SAMPLE = 100
"""Single backtests that are timed."""
LAST = date(2026, 10, 30)
"""The last session; where 2,500 reach back before the session table, those bars feed indicators alone."""
SETTINGS = [
    Parameters(ema_fast=fast, rsi_entry_above=above, rsi_exit=leave)
    for fast, above, leave in product((7, 9, 11, 13), range(20, 40, 2), (45, 50, 55, 60, 65))
]
"""200 of them, in four groups that see the same indicators."""


def measure(quick: bool) -> Result:
    """Seconds of processor time in one process; seconds of the machine would say how busy it is."""
    settings = SETTINGS[::25] if quick else SETTINGS
    symbols, sessions = (20, 700) if quick else (500, 2500)
    market = invented(symbols, sessions)
    first, last = (date.fromordinal(int(market.days[row])) for row in (0, -1))
    begun, found = process_time(), []
    for i in range(0, len(settings), CHUNK):
        found += lanes.backtests(market, settings[i : i + CHUNK], first=first, last=last, scored=True)
    ours = process_time() - begun
    drawn = np.random.default_rng(SEED).integers((len(settings), symbols), size=(SAMPLE, 2)).tolist()
    begun = process_time()
    alone = [single(market.listings[column], market.sessions, settings[number], first, last) for number, column in drawn]
    theirs = (process_time() - begun) / len(drawn) * len(settings) * symbols
    if not all(_same(found[number], column, closed) for (number, column), closed in zip(drawn, alone, strict=True)):
        raise Disagreement("a single backtest has other trades than the sweep")
    times = len(settings) * symbols / len(drawn)
    setting = f"{len(settings)} settings x {symbols} instruments x {sessions} sessions, one process"
    return Result(
        setting, (Row.faster(f"single backtests ({len(drawn)} of them, times {times:.0f})", [(ours, theirs)], at_least(10)),)
    )


def single(listing: Listing, sessions: SessionTable, parameters: Parameters, first: date, last: date) -> Closed:
    """One backtest from the bars on, as `backtest SYMBOL` makes it."""
    columns = features(listing.history, parameters)
    facts = Facts(listing.history, columns, listing.instrument, listing.actions, sessions, parameters)
    return Closed.of_trades({0: gated(facts, first=first, last=last).trades})


def _same(found: Closed, column: int, alone: Closed) -> bool:
    own = found.instrument == column
    names = ("entry", "exit", "quantity", "gross", "charges", "cost")
    return all(np.array_equal(getattr(found, name)[own], getattr(alone, name)) for name in names)


def invented(symbols: int, sessions: int) -> LaneMarket:
    """Prices from a seed, drawn back to where they began so that dips recover; liquid enough for the rules."""
    table = SessionTable.load()
    days = [session.date.toordinal() for session in table.between(table.first, LAST)][-sessions:]
    early = np.arange(days[0] - 2 * sessions, days[0])
    weekdays = early[(early % 7 != 0) & (early % 7 != 6)]  # ordinal 1 was a Monday
    ordinals = np.concatenate([weekdays[len(weekdays) - (sessions - len(days)) :], days]).astype(np.int64)
    random = np.random.default_rng(SEED)
    return LaneMarket.of([_listing(f"SYM{number:04}", ordinals, random) for number in range(symbols)], table)


def _listing(name: str, ordinals: np.ndarray, random: np.random.Generator) -> Listing:
    n = len(ordinals)
    away = random.normal(0, 0.018, n)
    for i in range(1, n):
        away[i] += 0.995 * away[i - 1]
    close = _on_tick(random.uniform(200_00, 2000_00) * np.exp(away))
    opened = _on_tick(np.concatenate([close[:1], close[:-1]]) * np.exp(random.normal(0, 0.006, n)))
    high = _on_tick(np.maximum(opened, close) * np.exp(np.abs(random.normal(0.005, 0.004, n))))
    low = _on_tick(np.minimum(opened, close) * np.exp(-np.abs(random.normal(0.005, 0.004, n))))
    volume = (20e9 / close * np.exp(random.normal(0, 0.3, n))).astype(np.int64)
    series, ones = np.full(n, "EQ", dtype="<U4"), np.ones(n)
    bars = History(name, ordinals, opened, np.maximum(high, opened), np.minimum(low, opened), close, volume, series, ones)
    instrument = Instrument(name, name, "EQ", "INE000A01010", 5)
    return Listing(bars, lambda _: instrument)


def _on_tick(paise: np.ndarray) -> np.ndarray:
    return np.round(paise / 10).astype(np.int64) * 10
