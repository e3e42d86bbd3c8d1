"""What a sweep found, and what of it may be luck. Pure: from closed trades to numbers, with every random draw from one seed.

The best of many settings looks good even if none is worth anything. So the best is named together with how good the best of
so many worthless ones would look (reality check), how good other entry sessions would have been (random entries), how
different the same trades could have gone (Monte-Carlo), and what was earned on spans that had no part in the choice
(walk-forward).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

import numpy as np

from tradectl.backtest.context import Span
from tradectl.backtest.metrics import Statistics
from tradectl.model.history import Floats, Ints
from tradectl.research.closed import ClosedTrades
from tradectl.research.grid import Changes
from tradectl.research.resampling import (
    Outcomes,
    PossiblePositions,
    deepest_fall,
    p_value,
    random_entries,
    reality_check,
    sampled,
    shuffled,
)
from tradectl.research.walk_forward import Split

BLOCK = 21
"""Sessions that stay together in the reality check, on average: a month, longer than most positions are held."""
YEAR = 252
"""Sessions of a year, by which a ratio of sessions becomes one of years."""


class Criterion(StrEnum):
    """What makes one setting better than another."""

    NET = "net"
    """The sum of the net results, each buy with its capital per trade."""
    SHARPE = "sharpe"
    """The mean of the sessions' net results in standard deviations, a year: free of how much is traded."""


@dataclass(frozen=True, slots=True)
class SettingResult:
    """A setting, what it differs in, and what it came to. `score` is what settings are compared by; `fall` in paise."""

    changes: Changes
    closed: ClosedTrades
    figures: Statistics
    fall: int
    sharpe: float
    score: float


@dataclass(frozen=True, slots=True)
class SplitResult:
    """One split: the best setting of the train span, and what it came to on the test span."""

    split: Split
    changes: Changes
    train: Statistics
    test: Statistics


@dataclass(frozen=True, slots=True)
class WalkForward:
    """`joined`: the trades of all test spans, each under the setting chosen before it; `own`: those of the user's own settings on
    the same spans; `paths`: other samples of the joined trades."""

    judged: tuple[SplitResult, ...]
    joined: SettingResult
    own: Statistics
    paths: Outcomes


@dataclass(frozen=True, slots=True)
class TimingTest:
    """The best setting against random entries: `real` and each draw of `drawn` are net results in paise of as many positions."""

    positions: int
    possible: int
    real: int
    drawn: Ints
    p: float


@dataclass(frozen=True, slots=True)
class Findings:
    """`tried` best first. `luck`: how often the best of as many worthless settings would look as good as the best one."""

    tried: tuple[SettingResult, ...]
    own: SettingResult
    luck: float
    order: Outcomes
    sample: Outcomes
    timing: TimingTest | None
    walk_forward: WalkForward | None


def ranked(settings: Sequence[tuple[Changes, ClosedTrades]], sessions: Ints, by: Criterion) -> tuple[SettingResult, ...]:
    """Best first; of equals the one that was named first. A setting that never traded comes after all that did."""
    found = [setting_result(changes, closed, sessions, by) for changes, closed in settings]
    return tuple(sorted(found, key=lambda one: (not one.figures.trades, -one.score)))


def setting_result(changes: Changes, closed: ClosedTrades, sessions: Ints, by: Criterion) -> SettingResult:
    results = closed.by_session(sessions)
    figures, ratio = closed.statistics(), sharpe(results)
    score = float(figures.net) if by is Criterion.NET else ratio
    return SettingResult(changes, closed, figures, deepest_fall(closed.net), ratio, score)


def sharpe(results: Ints) -> float:
    """Mean over standard deviation of the sessions' results, a year; 0 where they do not differ."""
    deviation = float(results.std()) if len(results) else 0.0
    return float(results.mean()) / deviation * sqrt(YEAR) if deviation else 0.0


def find(
    settings: Sequence[tuple[Changes, ClosedTrades]],
    own: ClosedTrades,
    possible: ClosedTrades | None,
    sessions: Ints,
    splits: Sequence[Split],
    *,
    by: Criterion,
    draws: int,
    seed: int,
) -> Findings:
    """All findings. `possible`: the positions of every possible entry under the best setting, None where nobody asked.
    `sessions`: ordinals of the span's run sessions. Each question draws from a generator of its own, so none changes another's
    answer."""
    order, sample, chance, timing, forward = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5))
    best_first = ranked(settings, sessions, by)
    best = best_first[0]
    return Findings(
        tried=best_first,
        own=setting_result({}, own, sessions, by),
        luck=_luck(best_first, sessions, by, draws, chance),
        order=shuffled(best.closed.net, draws, order),
        sample=sampled(best.closed.net, draws, sample),
        timing=_timing(best.closed, possible, draws, timing) if possible is not None else None,
        walk_forward=_walk_forward(settings, own, sessions, splits, by=by, draws=draws, random=forward) if splits else None,
    )


def _luck(best_first: Sequence[SettingResult], sessions: Ints, by: Criterion, draws: int, random: np.random.Generator) -> float:
    """The p-value of the reality check. What is not traded is worth nothing: that is what settings are held against."""
    results = np.stack([one.closed.by_session(sessions) for one in best_first], axis=1)
    scale: Floats = np.ones(results.shape[1])
    if by is Criterion.SHARPE:
        deviations = results.std(axis=0)
        scale = np.where(deviations > 0, deviations, 1.0)
    best = float((results.sum(axis=0) / len(sessions) / scale).max())
    return p_value(reality_check(results, scale, draws, BLOCK, random), best)


def _timing(closed: ClosedTrades, possible: ClosedTrades, draws: int, random: np.random.Generator) -> TimingTest:
    real = closed.positions()
    rows = np.lexsort((possible.exit, possible.entry, possible.instrument))
    pool = PossiblePositions(possible.instrument[rows], possible.entry[rows], possible.exit[rows], possible.net[rows])
    everybody = int(max(real.instrument.max(initial=-1), pool.instrument.max(initial=-1))) + 1
    drawn = random_entries(pool, np.bincount(real.instrument, minlength=everybody), draws, random)
    net = int(real.net.sum())
    return TimingTest(len(real), len(pool), net, drawn, p_value(drawn, net))


def _walk_forward(
    settings: Sequence[tuple[Changes, ClosedTrades]],
    own: ClosedTrades,
    sessions: Ints,
    splits: Sequence[Split],
    *,
    by: Criterion,
    draws: int,
    random: np.random.Generator,
) -> WalkForward:
    judged, joined = [], ClosedTrades.of_trades({})
    for one in splits:
        train = _sessions_of(sessions, one.train)
        known = [(changes, entered(closed, one.train, known=True)) for changes, closed in settings]
        best = ranked(known, train, by)[0]
        chosen = next(closed for changes, closed in settings if changes == best.changes)
        test = entered(chosen, one.test)
        judged.append(SplitResult(one, best.changes, best.figures, test.statistics()))
        joined += test
    whole = Span(splits[0].test.first, splits[-1].test.last)
    result = setting_result({}, joined, sessions[sessions >= whole.first.toordinal()], by)
    return WalkForward(tuple(judged), result, entered(own, whole).statistics(), sampled(joined.net, draws, random))


def entered(closed: ClosedTrades, span: Span, *, known: bool = False) -> ClosedTrades:
    """The trades entered in a span; `known`: only those closed in it too."""
    return closed.between(span.first, span.last, closed_by=span.last if known else None)


def _sessions_of(sessions: Ints, span: Span) -> Ints:
    return sessions[(sessions >= span.first.toordinal()) & (sessions <= span.last.toordinal())]
