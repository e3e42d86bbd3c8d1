"""Bars a second under the reduced rule, in the vectorized loop of tradectl and in backtesting.py, backtrader and vectorbt.

The rule is that of `rivals.py`. Each side gets the bars in its own form before the measurement, and computes its RSI within the
measured time. tradectl runs all symbols at once from the panel. backtesting.py and backtrader run one symbol after the other, so
a sample is timed and multiplied. vectorbt runs all symbols at once, after a first run that compiles it. For the symbols that a
rival runs, all trades must be equal: the bars of entry and exit, and both prices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from time import process_time
from typing import TypeVar

import numpy as np

from benchmarks.form import Disagreement, Pair, Result, Row, Target, at_least
from benchmarks.market import SEED, calendar, panel
from benchmarks.reduced import trades
from benchmarks.rivals import RIVALS, Bars, Rival, Trade, bars_of, by_vectorbt_together, missing
from tradectl.model.market import Instrument
from tradectl.model.panel import FIELDS, Panel
from tradectl.research.vectorized.fills import TradeColumns
from tradectl.research.vectorized.market import InstrumentData, MarketTables

T = TypeVar("T")
BatchRival = Callable[[Sequence[Bars]], list[list[Trade]]]
"""A rival for many symbols: a function that returns the trades of each symbol."""
SINGLE = {"backtesting.py": at_least(60), "backtrader": at_least(400)}
"""Rivals that run one symbol after the other, with the target of each."""
FEW = 4
"""A second row of vectorbt has this fraction (1 / FEW) of the symbols, because its ratio depends on their number."""


def measure(quick: bool) -> Result:
    """Compare the processor time for the same bars. Raises Disagreement."""
    symbols, sessions, sample, repeats = (12, 400, 2, 2) if quick else (2000, 2500, 10, 5)
    bars = run_sessions_of(panel(symbols, sessions, plain=True))
    draws = np.random.default_rng(SEED).integers(symbols, size=(repeats, sample)).tolist()
    rows = []
    for name in [name for name in SINGLE if name in RIVALS]:
        words = f"{name} ({sample} symbols timed, x {symbols / sample:g})"
        rows.append(_row(words, bars, _one_by_one(RIVALS[name]), draws, SINGLE[name]))
    if "vectorbt" in RIVALS:
        for part in (symbols, symbols // FEW):
            some = bars.select(bars.instruments[:part])
            rows.append(_row(f"vectorbt, {part} symbols", some, by_vectorbt_together, [range(part)] * repeats, at_least(6)))
    if rows:
        rates = [bars.close.size / seconds / 1e6 for seconds in rows[0].ours]
        rows.insert(0, Row.figure("ours", rates, "million bars/s"))
    skipped = tuple(f"{name} is not installed" for name in missing())
    result = Result(f"{symbols} symbols x {len(bars)} sessions", tuple(rows), skipped)
    return result.unjudged() if quick else result


def _row(name: str, bars: Panel, rival: BatchRival, draws: Sequence[Sequence[int]], target: Target) -> Row:
    """Compare tradectl on all symbols with a rival on the symbols drawn for each repeat, whose time is multiplied."""
    listings = market_tables(bars).listings
    symbols = {column: bars_of(bars, column) for draw in draws for column in draw}
    rival([symbols[column] for column in draws[0]])
    pairs: list[Pair] = []
    for draw in draws:
        ours, found = _timed(lambda: trades(MarketTables(bars, listings, calendar())))
        drawn = [symbols[column] for column in draw]
        theirs, expected = _timed(partial(rival, drawn))
        _agree(name, bars, found, dict(zip(draw, expected, strict=True)))
        pairs.append((ours, theirs * len(listings) / len(draw)))
    return Row.faster(name, pairs, target)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begun = process_time()
    found = work()
    return process_time() - begun, found


def _one_by_one(rival: Rival) -> BatchRival:
    return lambda symbols: [rival(bars) for bars in symbols]


def _agree(name: str, bars: Panel, found: TradeColumns, expected: dict[int, list[Trade]]) -> None:
    """Raise Disagreement unless the rival's trades equal those of tradectl."""
    order = np.lexsort((found.exit_session, found.instrument))
    own = found.take(order)
    bounds = np.searchsorted(own.instrument, np.arange(len(bars.instruments) + 1))
    entry, left = (np.searchsorted(bars.sessions, days) for days in (own.entry_session, own.exit_session))
    columns = [column.tolist() for column in (entry, left, own.entry_price / 100, own.exit_price / 100)]
    for column, theirs in expected.items():
        rows = slice(bounds[column], bounds[column + 1])
        if list(zip(*(values[rows] for values in columns), strict=True)) != theirs:
            raise Disagreement(f"{bars.instruments[column]} has other trades in {name}")


def run_sessions_of(bars: Panel) -> Panel:
    """Return the panel without sessions in which tradectl does not run (Muhurat), because the rivals would trade in them."""
    sessions = calendar().run_between(calendar().first, calendar().last)
    kept = np.isin(bars.sessions, [session.date.toordinal() for session in sessions])
    return replace(bars, **{name: getattr(bars, name)[kept] for name in ("sessions", *FIELDS)})


def market_tables(bars: Panel) -> MarketTables:
    """Convert a panel without corporate actions to the tables of the vectorized loop."""
    histories = [bars.history(instrument_id) for instrument_id in bars.instruments]
    return MarketTables(bars, tuple(InstrumentData(history, _share) for history in histories if history is not None), calendar())


def _share(_: date) -> Instrument:
    return Instrument("MADE", "MADE", "EQ", "INE000A01010", 10)
