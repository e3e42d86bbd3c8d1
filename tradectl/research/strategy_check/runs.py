"""Run a strategy over symbols that each have their own money, by the engine that sees one symbol after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tradectl import bootstrap
from tradectl.backtest.candidates import context_of
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.errors import DataError
from tradectl.model.history import Ints
from tradectl.model.position import Trade
from tradectl.ports import Tell, silence
from tradectl.report.simulation import trade_row
from tradectl.research.backtests import BacktestRequest, run_alone, span_of
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.strategy_check.work import CheckWork, TradeRow
from tradectl.strategy.column_rules import Rule
from tradectl.strategy.strategy import Strategy, StrategyParameter

MOST_SYMBOLS = 50
"""The most symbols of a list for the checks that run the rule many times."""
STEPS = 20
"""A parameter without a step is changed by this part of its range."""

Trades = Mapping[int, Sequence[Trade]]
"""The trades by the index of the instrument."""


@dataclass(frozen=True)
class Runs:
    """Run a strategy on the market of a check. `request`: with the rule of the default parameters."""

    strategy: Strategy
    request: BacktestRequest

    @classmethod
    def of(cls, work: CheckWork, strategy: Strategy) -> Runs:
        """Return the runs of a check. Raises UsageError or DataError for an unusable list or span."""
        parameters = bootstrap.parameters_of(work.settings, {})
        market = bootstrap.open_past(work.settings)
        universe = work.universe or strategy.universe or parameters.universe
        instruments = tuple(name for name in market.universe(universe) if market.history(name) is not None)
        if not instruments:
            raise DataError(f"there is no bar of any symbol in {universe}")
        span = span_of(market, instruments, work.first, work.last)
        request = BacktestRequest(work.settings, market, universe, instruments, parameters, span, True, strategy.rule())
        return cls(strategy, request)

    @cached_property
    def sample(self) -> tuple[str, ...]:
        """Return the instruments of the checks that run the rule many times, drawn with a fixed seed."""
        names = self.request.instruments
        if len(names) <= MOST_SYMBOLS:
            return names
        return tuple(sorted(np.random.default_rng(1).choice(names, MOST_SYMBOLS, replace=False).tolist()))

    @cached_property
    def sessions(self) -> Ints:
        """Return the run sessions of the span as ordinals."""
        span = self.request.span
        days = [session.date.toordinal() for session in self.request.market.sessions.run_between(span.first, span.last)]
        return np.array(days, dtype=np.int64)

    @cached_property
    def default(self) -> Trades:
        """Return the trades of all symbols with the default parameters."""
        return self.trades(self.request.rule, self.request.instruments)

    def with_value(self, parameter: StrategyParameter, value: float) -> Rule:
        """Return the rule with one changed parameter. Raises UsageError."""
        return self.strategy.make(self.strategy.values() | {parameter.name: parameter.checked(value)})

    def contexts(self, rule: Rule | None, names: Sequence[str]) -> dict[int, BacktestContext]:
        """Return the data of symbols with their rules, by the index of the instrument. `rule`: None for ema9-reversion."""
        request = replace(self.request, rule=rule, known=[])
        make = request.make_rules(request.market, names)
        place = {name: number for number, name in enumerate(request.instruments)}
        found = {
            place[name]: context_of(
                request.market, request.market.sessions, request.parameters, name, make_rules=make
            )
            for name in names
        }  # fmt: skip
        return {number: context for number, context in found.items() if context is not None}

    def trades(self, rule: Rule | None, names: Sequence[str], tell: Tell = silence) -> Trades:
        """Return the closed trades of symbols, each run alone."""
        found, span = dict[int, Sequence[Trade]](), self.request.span
        for number, context in self.contexts(rule, names).items():
            found[number] = gated(context, first=span.first, last=span.last).trades
            tell(self.request.instruments[number], len(found), len(names))
        return found

    def by_backtest(self, names: Sequence[str]) -> list[TradeRow]:
        """Return the trades that `backtest` reports of some symbols, by the engine that it chooses."""
        if self.request.rule is not None and self.request.rule.across:
            names = self.request.instruments
        request = replace(self.request, instruments=tuple(names), known=[])
        return rows_of([done.trades for _, done in run_alone(request)])

    def columns(self, trades: Trades) -> ClosedTrades:
        """Return trades as columns."""
        return ClosedTrades.of_trades(trades)


def steps_of(parameter: StrategyParameter) -> list[float]:
    """Return the values one step below and above the default that lie inside the bounds."""
    step = parameter.step or (parameter.high - parameter.low) / STEPS
    step = max(1.0, float(round(step))) if parameter.whole else step
    near = (parameter.default - step, parameter.default + step)
    return [value for value in near if step and parameter.low <= value <= parameter.high]


def rows_of(trades: Sequence[Sequence[Trade]]) -> list[TradeRow]:
    """Return trades as JSON values, in an order that does not depend on that of the symbols."""
    rows = [trade_row(trade) for those in trades for trade in those]
    return sorted(rows, key=lambda row: tuple(map(str, row.values())))


def first_difference(one: Sequence[TradeRow], other: Sequence[TradeRow], names: tuple[str, str]) -> tuple[str, ...]:
    """Return a few lines about trades that only one of two runs made; empty if both made the same."""
    left, right = ({tuple(row.items()): row for row in rows} for rows in (one, other))
    alone = [(names[0], row) for key, row in left.items() if key not in right]
    alone += [(names[1], row) for key, row in right.items() if key not in left]
    if not alone:
        return () if len(one) == len(other) else (f"{names[0]} makes {len(one)} trades, {names[1]} makes {len(other)}",)
    alone.sort(key=lambda item: (item[1]["entry_session"], item[1]["symbol"], item[0]))
    return tuple(f"only {name}: {_words(row)}" for name, row in alone[:3])


def _words(row: TradeRow) -> str:
    bought = f"{row['quantity']} {row['symbol']} bought {row['entry_session']} at {row['entry_price']}"
    return f"{bought}, sold {row['exit_session']} at {row['exit_price']}"
