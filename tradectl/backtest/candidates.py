"""The symbols that share an account, each with its signals: what `analyze` would have said of it, evening by evening.

Signals do not depend on what the account holds, so they are found once, whatever becomes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tradectl.backtest.context import BacktestContext, Span
from tradectl.backtest.engine import reference
from tradectl.strategy.entry import Mask, admission_mask, entry_mask, is_share
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.score import Verdict, backtest_score, combined, rank, strength, verdict

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ports import MarketData

Rank = tuple[int, float, str]
"""As `score.rank` has it: smaller is bought first."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A symbol and the ranks of its signals, by bar; `entries` marks the same bars."""

    context: BacktestContext
    signals: Mapping[int, Rank]
    entries: Mask

    @classmethod
    def of(cls, context: BacktestContext, span: Span) -> Candidate:
        """With its signals on the closes of the span."""
        history, parameters = context.history, context.parameters
        admitted = admission_mask(history, context.features, parameters, context.excluded) & context.trusted
        rule = entry_mask(context.features, parameters) & admitted
        spanned = (history.sessions >= span.first.toordinal()) & (history.sessions <= span.last.toordinal())
        bars = [j for j in (rule & spanned).nonzero()[0].tolist() if is_share(context.instrument(history.session(j)).isin)]
        signals = _ranked(context, bars) if bars else {}
        entries = np.zeros(len(history), dtype=np.bool_)
        entries[list(signals)] = True
        return cls(context, signals, entries)


def candidate_of(
    market: MarketData, sessions: SessionTable, parameters: Parameters, instrument_id: str, span: Span
) -> Candidate | None:
    """None for one without bars."""
    context = context_of(market, sessions, parameters, instrument_id)
    return Candidate.of(context, span) if context is not None else None


def context_of(market: MarketData, sessions: SessionTable, parameters: Parameters, instrument_id: str) -> BacktestContext | None:
    """What is known of a symbol on the evening of its last bar, the next session's ex-dates too; None for one without bars."""
    history = market.history(instrument_id)
    if history is None or not len(history):
        return None
    context = BacktestContext.gather(market, sessions, parameters, instrument_id, history=history)
    last = history.session(len(history) - 1)
    if last < sessions.last:
        coming = market.actions(instrument_id, last, sessions.next_run_session(last).date)
        context = replace(context, actions=(*context.actions, *coming))
    return context


def _ranked(context: BacktestContext, bars: list[int]) -> dict[int, Rank]:
    """The ranks of those bars that are worth a signal."""
    trades, parameters = reference(context), context.parameters
    found = {}
    for j in bars:
        reading = context.features.reading(context.history, j)
        past = backtest_score(trades, reading.session, parameters)
        score = float(combined(strength(reading, parameters), past.score, parameters))
        said = verdict(score, past.k, parameters)
        if said in {Verdict.STRONG_BUY, Verdict.BUY}:
            found[j] = rank(said, score, context.instrument(reading.session).symbol)
    return found
