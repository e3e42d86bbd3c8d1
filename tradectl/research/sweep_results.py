"""Compute the results of a sweep, and test how much of them may be chance. All draws depend on one seed.

The best of many settings looks good even if none has any value. So four tests are added:
- reality check: how good the best of as many settings without value would look;
- random entries: what entries on other sessions would have earned;
- Monte-Carlo: the spread of results with the same trades in other orders and samples;
- walk-forward: the result on spans that were not used to choose the setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt

import numpy as np
from msgspec import Struct

from tradectl.backtest.context import Span
from tradectl.backtest.metrics import Statistics
from tradectl.model.history import Floats, Ints
from tradectl.research.closed_trades import ClosedTrades
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
"""Mean number of sessions that stay together in the reality check: a month, longer than most positions."""
YEAR = 252
"""Number of sessions in a year."""


class Criterion(StrEnum):
    """Choose the figure by which settings are compared."""

    NET = "net"
    """The sum of the net results, each buy with its capital per trade."""
    SHARPE = "sharpe"
    """The mean net result per session / its standard deviation, per year."""


class SettingResult(Struct, frozen=True):
    """Hold one setting and its result.

    `changes`: the differences from the user's own settings. `fall`: largest fall in paise. `score`: the compared figure."""

    changes: Changes
    closed: ClosedTrades
    figures: Statistics
    fall: int
    sharpe: float
    score: float


class SplitResult(Struct, frozen=True):
    """Hold the best setting of a train span (`changes`), and its figures on the train and test spans."""

    split: Split
    changes: Changes
    train: Statistics
    test: Statistics


class WalkForward(Struct, frozen=True):
    """Hold the result of a walk-forward.

    Attributes:
        judged: One result per split.
        joined: Result of the trades of all test spans, each with the setting chosen on its train span.
        own: Figures of the user's own settings on the same spans.
        paths: Outcomes of random samples of the joined trades.
    """

    judged: tuple[SplitResult, ...]
    joined: SettingResult
    own: Statistics
    paths: Outcomes


class TimingTest(Struct, frozen=True):
    """Compare the best setting with random entries.

    Attributes:
        positions: Number of positions of the best setting.
        possible: Number of possible positions.
        real: Net result of the best setting in paise.
        drawn: Net result of each draw in paise.
        p: Share of draws that earned at least as much (p-value).
    """

    positions: int
    possible: int
    real: int
    drawn: Ints
    p: float


class Findings(Struct, frozen=True):
    """Hold all results of a sweep.

    Attributes:
        tried: Results of the settings, best first.
        own: Result of the user's own settings.
        luck: p-value of the reality check: how often the best of as many settings without value looks as good.
        order: Outcomes of the best setting's trades in random orders.
        sample: Outcomes of random samples of these trades.
        timing: Comparison with random entries; None without that test.
        walk_forward: None without that test.
    """

    tried: tuple[SettingResult, ...]
    own: SettingResult
    luck: float
    order: Outcomes
    sample: Outcomes
    timing: TimingTest | None
    walk_forward: WalkForward | None


def ranked(settings: Sequence[tuple[Changes, ClosedTrades]], sessions: Ints, by: Criterion) -> tuple[SettingResult, ...]:
    """Return the results of settings, best first. Equal ones keep their order. Settings without trades come last."""
    found = [setting_result(changes, closed, sessions, by) for changes, closed in settings]
    return tuple(sorted(found, key=lambda one: (not one.figures.trades, -one.score)))


def setting_result(changes: Changes, closed: ClosedTrades, sessions: Ints, by: Criterion) -> SettingResult:
    """Return the result of one setting."""
    results = closed.by_session(sessions)
    figures, ratio = closed.statistics(), sharpe(results)
    score = float(figures.net) if by is Criterion.NET else ratio
    return SettingResult(changes, closed, figures, deepest_fall(closed.net), ratio, score)


def sharpe(results: Ints) -> float:
    """Return mean / standard deviation of the sessions' results, per year; 0 if all results are equal."""
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
    """Compute all results of a sweep.

    Each test has a separate random generator, so a test does not change the result of another.

    Args:
        settings: The changes and the closed trades of each setting.
        own: Closed trades of the user's own settings.
        possible: Positions of every possible entry with the best setting; None for no test of random entries.
        sessions: Ordinals of the span's run sessions.
        splits: Splits of the walk-forward; empty for no walk-forward.
        by: The figure by which settings are compared.
        draws: Number of draws of each test.
        seed: Seed of the random generators.
    """
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
    """Return the p-value of the reality check. The benchmark is not to trade, which earns 0."""
    results = np.stack([one.closed.by_session(sessions) for one in best_first], axis=1)
    scale: Floats = np.ones(results.shape[1])
    if by is Criterion.SHARPE:
        deviations = results.std(axis=0)
        scale = np.where(deviations > 0, deviations, 1.0)
    best = float((results.sum(axis=0) / len(sessions) / scale).max())
    return p_value(reality_check(results, scale, draws, BLOCK, random), best)


def _timing(closed: ClosedTrades, possible: ClosedTrades, draws: int, random: np.random.Generator) -> TimingTest:
    """Compare the positions of closed trades with random choices of possible positions."""
    real = closed.positions()
    rows = np.lexsort((possible.exit, possible.entry, possible.instrument))
    pool = PossiblePositions(possible.instrument[rows], possible.entry[rows], possible.exit[rows], possible.net[rows])
    width = int(max(real.instrument.max(initial=-1), pool.instrument.max(initial=-1))) + 1
    drawn = random_entries(pool, np.bincount(real.instrument, minlength=width), draws, random)
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
    """Return the trades entered in a span; with `known`, only those also closed in it."""
    return closed.between(span.first, span.last, closed_by=span.last if known else None)


def _sessions_of(sessions: Ints, span: Span) -> Ints:
    return sessions[(sessions >= span.first.toordinal()) & (sessions <= span.last.toordinal())]
