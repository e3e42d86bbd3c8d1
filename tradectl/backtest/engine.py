"""Backtest one symbol, without limits of the portfolio. The trades equal those of a minute-by-minute simulation.

`run` takes every entry of the rule. `gated` takes entries with the score of a BUY. `reference` returns the trades from which
that score is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from msgspec import Struct

from tradectl.backtest.context import BacktestContext
from tradectl.backtest.symbol_run import Backtest, SymbolRun
from tradectl.model.position import Trade
from tradectl.strategy.entry import Mask
from tradectl.strategy.score import backtest_score, combined, strength


def run(
    context: BacktestContext, *, first: date, last: date, accept: Callable[[int], bool] | None = None, entries: Mask | None = None
) -> Backtest:
    """Return the backtest from `first` to `last`, both included.

    `accept(i)`: returns whether an entry on the close of bar `i` is accepted, for example by its score. `entries`: replaces the
    bars on which the entry rule holds; the rules of the universe still apply.
    """
    return SymbolRun(context, first, last, accept, entries).run()


class SettledTrades(Struct, frozen=True):
    """Hold the reference trades of a symbol that later bars cannot change, and the session `flat_on`.

    On the close of `flat_on` the run had no shares and no order, so a later run may start there.
    """

    trades: tuple[Trade, ...]
    flat_on: date


def reference(context: BacktestContext, past: SettledTrades | None = None) -> tuple[Trade, ...]:
    """Return the trades from which the score is computed: those of all entries of the rule.

    A closed trade does not depend on later bars. `past`: the state that `settled` returned for an earlier part of the bars.
    """
    return settled(context, past)[0]


def settled(context: BacktestContext, past: SettledTrades | None = None) -> tuple[tuple[Trade, ...], SettledTrades | None]:
    """Return the trades of `reference`, and the state from which a later call may continue.

    The state never includes the last bar, which may be provisional. Without bars, `past` is returned unchanged.
    """
    if not len(context.history):
        return (), past
    following = SymbolRun(context, past.flat_on if past else date.min, date.max)
    trades = (past.trades if past else ()) + following.run().trades
    flat_on = context.history.session(following.flat_at)
    return trades, SettledTrades(tuple(trade for trade in trades if trade.exit_session < flat_on), flat_on)


def gated(context: BacktestContext, *, first: date, last: date) -> Backtest:
    """Return the backtest of those entries whose combined score reached the buy score on the evening of the decision.

    A rule without a score takes every entry.
    """
    if not context.rules.scored:
        return run(context, first=first, last=last)
    trades, parameters = reference(context), context.parameters

    def accept(i: int) -> bool:
        reading = context.features.reading(context.history, i)
        past = backtest_score(trades, reading.session, parameters).score
        return bool(combined(strength(reading, parameters), past, parameters) >= parameters.buy_score)

    return run(context, first=first, last=last, accept=accept)
