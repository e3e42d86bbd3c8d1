"""A sweep of 200 settings over 500 instruments against the same as single backtests, of which a sample is timed and multiplied.

All single backtests would take most of an hour. The trades of each single backtest in the sample must equal those of the sweep.
Times are processor seconds of one process.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import product
from time import process_time

import numpy as np

from benchmarks.form import Disagreement, Result, Row, at_least
from benchmarks.market import SPLIT, calendar, panel
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History
from tradectl.model.market import ActionKind, CorporateAction, Instrument
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.sweep import CHUNK
from tradectl.research.vectorized import engine
from tradectl.research.vectorized.market import InstrumentData, MarketTables
from tradectl.strategy.features import features
from tradectl.strategy.parameters import Parameters

SEED = 4
SAMPLE = 100
"""The number of single backtests that are timed."""
SETTINGS = [
    Parameters(ema_fast=fast, rsi_entry_above=above, rsi_exit=leave)
    for fast, above, leave in product((7, 9, 11, 13), range(20, 40, 2), (45, 50, 55, 60, 65))
]
"""200 settings, in four groups with the same indicators."""


def measure(quick: bool) -> Result:
    """Compare the processor time of a sweep and of single backtests. Raises Disagreement."""
    settings = SETTINGS[::25] if quick else SETTINGS
    symbols, sessions = (20, 700) if quick else (500, 2500)
    market = market_of(symbols, sessions)
    first, last = (date.fromordinal(int(market.days[row])) for row in (0, -1))
    begun, found = process_time(), []
    for i in range(0, len(settings), CHUNK):
        found += engine.closed_trades(market, settings[i : i + CHUNK], first=first, last=last, scored=True)
    ours = process_time() - begun
    drawn = np.random.default_rng(SEED).integers((len(settings), len(market.listings)), size=(SAMPLE, 2)).tolist()
    begun = process_time()
    alone = [_single(market.listings[column], market.sessions, settings[number], first, last) for number, column in drawn]
    theirs = (process_time() - begun) / SAMPLE * len(settings) * len(market.listings)
    for (number, column), closed in zip(drawn, alone, strict=True):
        if not _same(found[number], column, closed):
            raise Disagreement(f"{market.instruments[column]} with setting {number} has other trades in a single backtest")
    many = f"{len(settings)} settings, {symbols} instruments, {sessions} sessions"
    times = len(settings) * len(market.listings) / SAMPLE
    row = Row.faster(f"single backtests ({SAMPLE} timed, x {times:.0f})", [(ours, theirs)], at_least(10))
    result = Result(f"{many}, {sum(map(len, found))} trades", (row,))
    return result.unjudged() if quick else result


def _single(listing: InstrumentData, sessions: SessionTable, parameters: Parameters, first: date, last: date) -> ClosedTrades:
    """Return the closed trades of one backtest that starts from the bars, as `backtest SYMBOL` does."""
    columns = features(listing.history, parameters)
    context = BacktestContext(listing.history, columns, listing.instrument, listing.actions, sessions, parameters)
    return ClosedTrades.of_trades({0: gated(context, first=first, last=last).trades})


def _same(found: ClosedTrades, column: int, alone: ClosedTrades) -> bool:
    own = found.instrument == column
    names = ("entry", "exit", "quantity", "gross", "charges", "cost")
    return all(np.array_equal(getattr(found, name)[own], getattr(alone, name)) for name in names)


def market_of(symbols: int, sessions: int) -> MarketTables:
    """Return the synthetic market, with its splits, as the tables of the vectorized loop."""
    bars = panel(symbols, sessions)
    histories = [bars.history(instrument_id) for instrument_id in bars.instruments]
    return MarketTables.of([_listing(history) for history in histories if history is not None], calendar())


def _listing(history: History) -> InstrumentData:
    name = history.instrument_id
    splits = np.flatnonzero(np.diff(history.multiplier)) + 1
    actions = tuple(CorporateAction(name, history.session(i), ActionKind.SPLIT, Fraction(SPLIT), 0) for i in splits.tolist())
    instrument = Instrument(name, name, "EQ", "INE000A01010", 10)
    return InstrumentData(history, lambda _: instrument, actions)
