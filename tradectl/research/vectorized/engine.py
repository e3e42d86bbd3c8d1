"""Run many settings on many instruments in one loop over sessions.

Settings with equal indicator settings share the indicator tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise

import numpy as np

from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.model.history import Ints
from tradectl.model.position import Folded
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.vectorized.fills import TradeColumns, trades_of
from tradectl.research.vectorized.loop import Loop, Rule
from tradectl.research.vectorized.market import EntryBars, IndicatorTables, MarketTables
from tradectl.research.vectorized.score_gate import ScoreGate
from tradectl.research.vectorized.settings import ParameterArrays
from tradectl.research.vectorized.strategy import EntryGate, Strategy
from tradectl.strategy.entry import Mask
from tradectl.strategy.features import INDICATOR_SETTINGS
from tradectl.strategy.parameters import Parameters

TABLE = 500
"""Maximum number of indicator columns side by side."""


Held = dict[tuple[int, int], Folded]
"""Open positions by (setting, instrument)."""


@dataclass(frozen=True, eq=False)
class VectorizedRun:
    """Hold the result of a run. `find_held` computes the open positions."""

    trades: TradeColumns
    find_held: Callable[[], Held]

    @cached_property
    def held(self) -> Held:
        """Return the open positions."""
        return self.find_held()


def run_settings(
    market: MarketTables,
    settings: Sequence[Parameters],
    *,
    first: date,
    last: date,
    scored: bool = True,
) -> VectorizedRun:
    """Run every setting on every instrument from `first` to `last`, both included.

    The trades equal those of `backtest.engine.gated`; without `scored`, those of `backtest.engine.run`.
    """
    runs = []
    tariff = settings[0].tariff if settings else ZERODHA
    for batch in _batches(settings, len(market.instruments)):
        numbers = [number for part in batch for number in part]
        rule = _strategies(market, [[settings[number] for number in part] for part in batch])
        gate = None
        if scored:
            past = run_rule(market, rule(None), first=date.min, last=date.max, tariff=tariff)
            gate = ScoreGate(past.trades, len(market.instruments))
        runs.append(run_rule(market, rule(gate), first=first, last=last, numbers=numbers, tariff=tariff))
    trades = TradeColumns.joined([run.trades for run in runs])
    return VectorizedRun(trades, lambda: {key: folded for run in runs for key, folded in run.held.items()})


def run_rule(
    market: MarketTables,
    rule: Rule,
    *,
    first: date,
    last: date,
    numbers: Sequence[int] | None = None,
    tariff: Tariff = ZERODHA,
) -> VectorizedRun:
    """Run a rule from `first` to `last`, both included.

    `numbers`: index of each of its settings in the result; None counts from 0.
    """
    width = len(market.instruments)
    own = range(rule.lanes // max(width, 1)) if numbers is None else numbers
    loop = Loop(market, rule)
    loop.run(first, last)
    closed, still_open = trades_of(loop.fill_log, market.days, width, own, tariff=tariff)
    return VectorizedRun(closed, lambda: {(own[item.lane // width], item.lane % width): item.folded for item in still_open()})


def _strategies(market: MarketTables, parts: Sequence[Sequence[Parameters]]) -> Callable[[EntryGate | None], Strategy]:
    """Return a function that creates the strategy of these settings with a gate.

    The settings of a part must have equal indicator settings."""
    tables, entry_bars, width = [], [], len(market.instruments)
    before = 0
    for own in parts:
        table, made = market.columns(own[0])
        found = market.entry_bars(made, own)
        tables.append(table)
        entry_bars.append(found._replace(lane=found.lane + before * width))
        before += len(own)
    settings = [item for own in parts for item in own]
    seen = [number for number, own in enumerate(parts) for _ in own]
    columns, possible = IndicatorTables.beside(tables), EntryBars.joined(entry_bars)
    return lambda gate: Strategy(market, settings, columns, possible, tables=seen, gate=gate)


def _batches(settings: Sequence[Parameters], width: int) -> Iterator[list[list[int]]]:
    """Yield the indices of the settings that run in one loop, in parts with equal indicator settings.

    A session takes about the same time for a few lanes as for hundreds, but tables need memory.
    """
    parts: dict[tuple[object, ...], list[int]] = {}
    for number, item in enumerate(settings):
        parts.setdefault(tuple(getattr(item, name) for name in INDICATOR_SETTINGS), []).append(number)
    known, many = list(parts.values()), max(1, TABLE // max(width, 1))
    for begin in range(0, len(known), many):
        yield known[begin : begin + many]


ANY_RSI = 101.0
"""A value above every RSI."""
COPIES = 40
"""Number of lanes among which an instrument's possible entries are divided, so that few entries find held shares."""


def closed_trades(
    market: MarketTables, settings: Sequence[Parameters], *, first: date, last: date, scored: bool
) -> list[ClosedTrades]:
    """Return the closed trades of each setting."""
    trades = run_settings(market, settings, first=first, last=last, scored=scored).trades
    bounds = np.searchsorted(trades.setting, np.arange(len(settings) + 1))
    rows = [np.arange(begin, end) for begin, end in pairwise(bounds.tolist())]
    return [_closed(trades.take(own), trades.instrument[own]) for own in rows]


def possible_positions(market: MarketTables, parameters: Parameters, *, first: date, last: date) -> ClosedTrades:
    """Return the position of each possible entry, as if it were the only one. Each position is one row.

    The rule is used without its timing, which is the RSI at entry and the score. All other rules apply: universe, trend, history,
    volume, chart, cancellation in the morning, target, RSI exit, re-entries, sizes and charges.

    The entries of an instrument are divided among COPIES lanes. An entry that finds held shares is tried in the next round.
    """
    width = len(market.instruments)
    settings = [any_rsi(parameters)] * COPIES
    columns, made = market.columns(settings[0])
    waiting = market.entry_bars(made, settings[:1])
    found = ClosedTrades.of_trades({})
    while len(waiting.lane):
        tried = _Tried()
        dealt = _dealt(waiting, width)
        rule = Strategy(market, settings, columns, dealt, gate=tried)
        trades = run_rule(market, rule, first=first, last=last, tariff=parameters.tariff).trades
        apart = _closed(trades, trades.setting * width + trades.instrument).positions()
        found += replace(apart, instrument=apart.instrument % width)
        left = ~tried.among(dealt, market.days)
        if left.all():
            break
        waiting = dealt.take(left)
    return found


def any_rsi(parameters: Parameters) -> Parameters:
    """Return the setting with an RSI at entry that every bar meets."""
    return replace(parameters, rsi_entry_above=ANY_RSI, rsi_entry_below=ANY_RSI)


class _Tried:
    """Accept and record every entry, as an `EntryGate`."""

    def __init__(self) -> None:
        self.seen: list[Ints] = []

    def accept(self, day: int, chosen: EntryBars, parameters: ParameterArrays) -> Mask:  # noqa: ARG002
        """Record the entries and accept all of them."""
        self.seen.append(_named(np.int64(day), chosen.lane))
        return np.ones(len(chosen.lane), dtype=np.bool_)

    def among(self, entry_bars: EntryBars, days: Ints) -> Mask:
        """Return which of these entries were recorded."""
        names = _named(days[entry_bars.row], entry_bars.lane)
        return np.isin(names, np.concatenate([np.empty(0, dtype=np.int64), *self.seen]))


def _named(day: Ints | np.int64, lane: Ints) -> Ints:
    """Return one number for each day and lane."""
    named: Ints = (day << 32) + lane
    return named


def _dealt(waiting: EntryBars, width: int) -> EntryBars:
    """Return the entries of each instrument, assigned to its COPIES lanes in turn."""
    column = waiting.lane % width
    order = np.lexsort((waiting.row, column))
    first = np.searchsorted(column[order], column[order])
    copy = np.empty(len(order), dtype=np.int64)
    copy[order] = (np.arange(len(order)) - first) % COPIES
    lane = copy * width + column
    return EntryBars(waiting.row, lane, waiting.strength).take(np.lexsort((lane, waiting.row)))


def _closed(trades: TradeColumns, instrument: Ints) -> ClosedTrades:
    return ClosedTrades.of(
        {
            "instrument": instrument,
            "entry": trades.entry_session,
            "exit": trades.exit_session,
            "quantity": trades.quantity,
            "gross": trades.gross,
            "charges": trades.charges,
            "cost": trades.cost,
        }
    )
