"""Compute the candidates of an account: each symbol with its signals, the BUY and STRONG_BUY verdicts of all evenings.

An own rule has a signal on each entry; its largest score, or the symbol with the largest turnover, comes first.

Signals do not depend on the positions of the account, so they are computed once before the account is run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tradectl.backtest.context import BacktestContext, Span
from tradectl.backtest.engine import reference
from tradectl.strategy.entry import Mask, admission_mask
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reversion import Reversion
from tradectl.strategy.rule_set import RuleMaker
from tradectl.strategy.score import Verdict, backtest_score, combined, rank, strength, verdict

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ports import MarketData

Rank = tuple[int, float, str]
"""The sort key of `score.rank`; the smallest key is bought first."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """Hold a symbol and its signals. `signals`: rank by the index of the bar. `entries`: True on the same bars."""

    context: BacktestContext
    signals: Mapping[int, Rank]
    entries: Mask

    @classmethod
    def of(cls, context: BacktestContext, span: Span) -> Candidate:
        """Return the candidate of one context, with its signals on the closes of the span."""
        history, parameters = context.history, context.parameters
        admitted = admission_mask(history, context.features, parameters, context.excluded) & context.trusted
        rule = context.rules.entries & admitted
        spanned = (history.sessions >= span.first.toordinal()) & (history.sessions <= span.last.toordinal())
        bars = [j for j in (rule & spanned).nonzero()[0].tolist() if _tradable(context, j)]
        signals = {} if not bars else _ranked(context, bars) if context.rules.scored else _by_score(context, bars)
        entries = np.zeros(len(history), dtype=np.bool_)
        entries[list(signals)] = True
        return cls(context, signals, entries)


def candidate_of(
    market: MarketData,
    sessions: SessionTable,
    parameters: Parameters,
    instrument_id: str,
    span: Span,
    *,
    make_rules: RuleMaker = Reversion,
) -> Candidate | None:
    """Return the candidate of one instrument; None without bars."""
    context = context_of(market, sessions, parameters, instrument_id, make_rules=make_rules)
    return Candidate.of(context, span) if context is not None else None


def context_of(
    market: MarketData,
    sessions: SessionTable,
    parameters: Parameters,
    instrument_id: str,
    *,
    make_rules: RuleMaker = Reversion,
) -> BacktestContext | None:
    """Return the context of one instrument on the evening of its last bar; None without bars.

    The context includes the actions up to the next session, which are known on that evening.
    """
    history = market.history(instrument_id)
    if history is None or not len(history):
        return None
    context = BacktestContext.gather(market, sessions, parameters, instrument_id, history=history, make_rules=make_rules)
    last = history.session(len(history) - 1)
    if last < sessions.last:
        coming = market.actions(instrument_id, last, sessions.next_run_session(last).date)
        context = replace(context, actions=(*context.actions, *coming))
    return context


def _tradable(context: BacktestContext, j: int) -> bool:
    """Return whether the rule may buy what the symbol was on a bar: a share, or a fund."""
    return (context.instrument(context.history.session(j)).isin or "").startswith(context.rules.isins)


def _by_score(context: BacktestContext, bars: list[int]) -> dict[int, Rank]:
    """Return the rank of each entry of an own rule: the largest score first, else the largest turnover; then by symbol."""
    found = {}
    for j in bars:
        score = own_score(context.rules.score(j), float(context.features.average_turnover[j]))
        found[j] = (0, -score, context.instrument(context.history.session(j)).symbol)
    return found


def own_score(score: float | None, turnover: float) -> float:
    """Return the number by which candidates of an own rule are ordered. An unknown score comes last."""
    value = turnover if score is None else score
    return -math.inf if math.isnan(value) else value


def _ranked(context: BacktestContext, bars: list[int]) -> dict[int, Rank]:
    """Return the rank of each bar whose verdict is BUY or STRONG_BUY, by the index of the bar."""
    trades, parameters = reference(context), context.parameters
    found = {}
    for j in bars:
        reading = context.features.reading(context.history, j)
        past = backtest_score(trades, reading.session, parameters)
        score = float(combined(strength(reading, parameters), past.score, parameters))
        decided = verdict(score, past.k, parameters)
        if decided in {Verdict.STRONG_BUY, Verdict.BUY}:
            found[j] = rank(decided, score, context.instrument(reading.session).symbol)
    return found
