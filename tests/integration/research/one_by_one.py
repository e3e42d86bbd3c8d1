"""The trades of many settings by the engine of one symbol, one after the other: the vectorized engine must equal these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated, run
from tradectl.marketdata.store import Store
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.vectorized.engine import any_rsi
from tradectl.strategy.entry import entry_mask
from tradectl.strategy.parameters import Parameters


def backtests(
    market: Store, instruments: Sequence[str], settings: Sequence[Parameters], *, first: date, last: date, scored: bool
) -> list[ClosedTrades]:
    """Return the closed trades of each setting."""
    found = []
    for parameters in settings:
        trades = {}
        for number, instrument_id in enumerate(instruments):
            context = _context(market, instrument_id, parameters)
            if context is not None:
                done = gated(context, first=first, last=last) if scored else run(context, first=first, last=last)
                trades[number] = done.trades
        found.append(ClosedTrades.of_trades(trades))
    return found


def positions(market: Store, instruments: Sequence[str], parameters: Parameters, *, first: date, last: date) -> ClosedTrades:
    """Return one row for each position that an entry allowed by the rule would have made, as if it were the only one.

    The rule is without its timing: the RSI at entry and the score. Everything else stays: universe, trend, history, volume,
    chart, the reasons of the morning to cancel (so a position begins below the fast EMA), target, RSI exit, re-entries, sizes,
    charges.
    """
    found = {}
    for number, instrument_id in enumerate(instruments):
        context = _context(market, instrument_id, any_rsi(parameters))
        if context is not None:
            found[number] = _every_position(context, first, last)
    empty = ClosedTrades.of_trades({})
    return sum((replace(one, instrument=one.instrument + number) for number, one in found.items()), empty)


def _every_position(context: BacktestContext, first: date, last: date) -> ClosedTrades:
    """Run repeatedly, each time on the entries that earlier runs skipped because shares were held."""
    waiting, found = entry_mask(context.features, context.parameters), ClosedTrades.of_trades({})
    while waiting.any():
        tried: list[int] = []

        def accept(i: int, tried: list[int] = tried) -> bool:
            tried.append(i)
            return True

        done = run(context, first=first, last=last, accept=accept, entries=waiting)
        if not tried:
            break
        waiting[tried] = False
        found += ClosedTrades.of_trades({0: done.trades}).positions()
    return found


def _context(market: Store, instrument_id: str, parameters: Parameters) -> BacktestContext | None:
    history = market.history(instrument_id)
    if history is None:
        return None
    return BacktestContext.gather(market, market.sessions, parameters, instrument_id, history=history)
