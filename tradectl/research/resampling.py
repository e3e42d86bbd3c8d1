"""Estimate by resampling how good a result could be by chance.

Each test makes many random draws from a generator of the caller:
- `shuffled` and `sampled`: the same trades in another order, or a sample of them. How large could the drawdown be?
- `random_entries`: the same number of entries on random sessions, with the same exits. Does the timing of entries matter?
- `reality_check`: the best of many settings without any edge. How good would it look?

Money is in whole paise and sums are exact, so a result does not depend on the machine or on the order of the work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints

BATCH = 64
"""Number of resamples drawn at once, which limits the memory."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Hold the final result and the largest fall from an earlier high of each draw, in paise. A fall is positive."""

    final: Ints
    fall: Ints

    def at(self, share: float) -> tuple[int, int]:
        """Return the quantiles of the final result and of the fall. `share`: the share of draws that do not exceed them."""
        return quantile(self.final, share), quantile(self.fall, share)


def quantile(values: Ints, share: float) -> int:
    """Return the smallest value that at least this share of the values does not exceed."""
    return int(np.quantile(values, share, method="inverted_cdf"))


def p_value(drawn: NDArray[np.int64] | Floats, real: float) -> float:
    """Return the share of random results that are at least as good as the real one.

    The real result counts as one of the draws, so the share is never 0 (Davison and Hinkley 1997, section 4.2).
    """
    return (1 + int(np.count_nonzero(drawn >= real))) / (1 + len(drawn))


def deepest_fall(results: Ints) -> int:
    """Return the largest fall of the running sum from an earlier high in paise. The start, 0, counts as a high."""
    worth = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(results)])
    return int((np.maximum.accumulate(worth) - worth).max())


def shuffled(results: Ints, draws: int, random: np.random.Generator) -> Outcomes:
    """Return outcomes of the same trades in random orders. The final result is equal, the falls differ."""
    return _outcomes(random.permutation(results) for _ in range(draws))


def sampled(results: Ints, draws: int, random: np.random.Generator) -> Outcomes:
    """Return outcomes of the same number of trades, drawn with replacement (bootstrap)."""
    return _outcomes(random.choice(results, len(results)) for _ in range(draws))


def _outcomes(samples: Iterable[Ints]) -> Outcomes:
    pairs = [(int(sample.sum()), deepest_fall(sample)) for sample in samples]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Outcomes(table[:, 0], table[:, 1])


@dataclass(frozen=True, eq=False)
class PossiblePositions:
    """Hold the result of each possible entry as if it were the only one: one row per position, by instrument and entry.

    `instrument`: index. `entry` and `exit`: ordinals of sessions. `net`: paise.
    """

    instrument: Ints
    entry: Ints
    exit: Ints
    net: Ints

    def __len__(self) -> int:
        return len(self.net)

    def __getitem__(self, rows: slice) -> PossiblePositions:
        return PossiblePositions(self.instrument[rows], self.entry[rows], self.exit[rows], self.net[rows])


def random_entries(possible: PossiblePositions, wanted: Ints, draws: int, random: np.random.Generator) -> Ints:
    """Return the net result of each draw in paise.

    A draw chooses random positions of each instrument that do not overlap. `wanted`: number of positions by instrument; a draw
    has fewer if no more fit.
    """
    total = np.zeros(draws, dtype=np.int64)
    bounds = np.searchsorted(possible.instrument, np.arange(len(wanted) + 1))
    for number, count in enumerate(wanted.tolist()):
        rows = slice(bounds[number], bounds[number + 1])
        if count and rows.stop > rows.start:
            total += _drawn(possible[rows], count, draws, random)
    return total


def _drawn(possible: PossiblePositions, count: int, draws: int, random: np.random.Generator) -> Ints:
    """Return the net result of each draw for one instrument, in paise.

    Each draw goes through the positions in a random order and takes those that fit."""
    begins_before = possible.entry[:, None] <= possible.exit[None, :]
    meets = begins_before & begins_before.T
    order = random.random((draws, len(possible)), dtype=np.float32)
    total = np.zeros(draws, dtype=np.int64)
    every = np.arange(draws)
    for _ in range(count):
        chosen = order.argmax(axis=1)
        free = order[every, chosen] >= 0
        if not free.any():
            break
        total += np.where(free, possible.net[chosen], 0)
        order[meets[chosen]] = -1
    return total


def reality_check(results: Ints, scale: Floats, draws: int, block: int, random: np.random.Generator) -> Floats:
    """Return the best result of many settings without value in each draw, for a comparison by `p_value`.

    This is White's reality check (2000) with the stationary bootstrap of Politis and Romano (1994). A returned value is a mean
    per session in units of `scale`.

    Args:
        results: Paise, shaped (sessions, settings).
        scale: Unit of each setting's mean: ones for money, the standard deviation for a Sharpe ratio.
        draws: Number of draws.
        block: Mean number of sessions that stay together, because neighbouring sessions have similar results.
        random: The random generator.
    """
    sessions = len(results)
    real = results.sum(axis=0)
    best = np.empty(draws)
    for begin in range(0, draws, BATCH):
        times = _times(sessions, min(BATCH, draws - begin), block, random)
        gained = (times @ results - real) / sessions
        best[begin : begin + len(times)] = (gained / scale).max(axis=1)
    return best


def _times(sessions: int, draws: int, block: int, random: np.random.Generator) -> Ints:
    """Return how often each session occurs in each resample, shaped (draws, sessions).

    A resample consists of blocks of consecutive sessions from random starts. Their lengths are geometrically distributed with
    mean `block`. The first session follows the last one.
    """
    place = np.arange(sessions)
    begins = random.random((draws, sessions)) < 1 / block
    begins[:, 0] = True
    begun = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    starts = random.integers(sessions, size=(draws, sessions))
    drawn = (np.take_along_axis(starts, begun, axis=1) + place - begun) % sessions
    flat = (drawn + sessions * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * sessions).reshape(draws, sessions).astype(np.int64)
