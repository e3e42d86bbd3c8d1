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
from tradectl.research.closed import Closed
from tradectl.research.grid import Changes
from tradectl.research.resampling import (
    Outcomes,
    Positions,
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


class By(StrEnum):
    """What makes one setting better than another."""

    NET = "net"
    """The sum of the net results, each buy with its capital per trade."""
    SHARPE = "sharpe"
    """The mean of the sessions' net results in standard deviations, a year: free of how much is traded."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting, what it differs in, and what it came to. `score` is what settings are compared by; `fall` in paise."""

    changes: Changes
    closed: Closed
    figures: Statistics
    fall: int
    sharpe: float
    score: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One split: the best setting of the train span, and what it came to on the test span."""

    split: Split
    changes: Changes
    train: Statistics
    test: Statistics


@dataclass(frozen=True, slots=True)
class WalkForward:
    """`joined`: the trades of all test spans, each under the setting chosen before it; `own`: those of the user's own settings on
    the same spans; `paths`: other samples of the joined trades."""

    judged: tuple[Judged, ...]
    joined: Tried
    own: Statistics
    paths: Outcomes


@dataclass(frozen=True, slots=True)
class Timing:
    """The best setting against random entries: `real` and each draw of `drawn` are net results in paise of as many positions."""

    positions: int
    possible: int
    real: int
    drawn: Ints
    p: float


@dataclass(frozen=True, slots=True)
class Findings:
    """`tried` best first. `luck`: how often the best of as many worthless settings would look as good as the best one."""

    tried: tuple[Tried, ...]
    own: Tried
    luck: float
    order: Outcomes
    sample: Outcomes
    timing: Timing | None
    walk_forward: WalkForward | None


def ranked(settings: Sequence[tuple[Changes, Closed]], sessions: Ints, by: By) -> tuple[Tried, ...]:
    """Best first; of equals the one that was named first. A setting that never traded comes after all that did."""
    found = [tried(changes, closed, sessions, by) for changes, closed in settings]
    return tuple(sorted(found, key=lambda one: (not one.figures.trades, -one.score)))


def tried(changes: Changes, closed: Closed, sessions: Ints, by: By) -> Tried:
    results = closed.by_session(sessions)
    figures, ratio = closed.statistics(), sharpe(results)
    score = float(figures.net) if by is By.NET else ratio
    return Tried(changes, closed, figures, deepest_fall(closed.net), ratio, score)


def sharpe(results: Ints) -> float:
    """Mean over standard deviation of the sessions' results, a year; 0 where they do not differ."""
    deviation = float(results.std()) if len(results) else 0.0
    return float(results.mean()) / deviation * sqrt(YEAR) if deviation else 0.0


def find(
    settings: Sequence[tuple[Changes, Closed]],
    own: Closed,
    possible: Closed | None,
    sessions: Ints,
    splits: Sequence[Split],
    *,
    by: By,
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
        own=tried({}, own, sessions, by),
        luck=_luck(best_first, sessions, by, draws, chance),
        order=shuffled(best.closed.net, draws, order),
        sample=sampled(best.closed.net, draws, sample),
        timing=_timing(best.closed, possible, draws, timing) if possible is not None else None,
        walk_forward=_walk_forward(settings, own, sessions, splits, by=by, draws=draws, random=forward) if splits else None,
    )


def _luck(best_first: Sequence[Tried], sessions: Ints, by: By, draws: int, random: np.random.Generator) -> float:
    """The p-value of the reality check. What is not traded is worth nothing: that is what settings are held against."""
    results = np.stack([one.closed.by_session(sessions) for one in best_first], axis=1)
    scale: Floats = np.ones(results.shape[1])
    if by is By.SHARPE:
        deviations = results.std(axis=0)
        scale = np.where(deviations > 0, deviations, 1.0)
    best = float((results.sum(axis=0) / len(sessions) / scale).max())
    return p_value(reality_check(results, scale, draws, BLOCK, random), best)


def _timing(closed: Closed, possible: Closed, draws: int, random: np.random.Generator) -> Timing:
    real = closed.positions()
    rows = np.lexsort((possible.exit, possible.entry, possible.instrument))
    pool = Positions(possible.instrument[rows], possible.entry[rows], possible.exit[rows], possible.net[rows])
    everybody = int(max(real.instrument.max(initial=-1), pool.instrument.max(initial=-1))) + 1
    drawn = random_entries(pool, np.bincount(real.instrument, minlength=everybody), draws, random)
    net = int(real.net.sum())
    return Timing(len(real), len(pool), net, drawn, p_value(drawn, net))


def _walk_forward(
    settings: Sequence[tuple[Changes, Closed]],
    own: Closed,
    sessions: Ints,
    splits: Sequence[Split],
    *,
    by: By,
    draws: int,
    random: np.random.Generator,
) -> WalkForward:
    judged, joined = [], Closed.of_trades({})
    for one in splits:
        train = _sessions_of(sessions, one.train)
        known = [(changes, entered(closed, one.train, known=True)) for changes, closed in settings]
        best = ranked(known, train, by)[0]
        chosen = next(closed for changes, closed in settings if changes == best.changes)
        test = entered(chosen, one.test)
        judged.append(Judged(one, best.changes, best.figures, test.statistics()))
        joined += test
    whole = Span(splits[0].test.first, splits[-1].test.last)
    result = tried({}, joined, sessions[sessions >= whole.first.toordinal()], by)
    return WalkForward(tuple(judged), result, entered(own, whole).statistics(), sampled(joined.net, draws, random))


def entered(closed: Closed, span: Span, *, known: bool = False) -> Closed:
    """The trades entered in a span; `known`: only those closed in it too."""
    return closed.between(span.first, span.last, closed_by=span.last if known else None)


def _sessions_of(sessions: Ints, span: Span) -> Ints:
    return sessions[(sessions >= span.first.toordinal()) & (sessions <= span.last.toordinal())]
