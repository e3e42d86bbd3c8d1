"""Resampling: how good a result could be by chance.

Three questions, each answered with many draws from a generator that the caller seeds:
- the same trades in another order, or another sample of them: how deep could the fall be (`shuffled`, `sampled`)?
- as many entries on other sessions, with the same exits: does the timing earn anything (`random_entries`)?
- the best of many worthless settings: how good would it look (`reality_check`)?

Money is in whole paise and sums are exact, so a result does not depend on the machine or the order of the work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints

BATCH = 64
"""Resamples drawn at a time, so that memory does not grow with their number."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Of each draw: the final result and the deepest fall from an earlier high (paise; a fall is positive)."""

    final: Ints
    fall: Ints

    def at(self, share: float) -> tuple[int, int]:
        """Return the final result and the fall that this share of the draws did not exceed."""
        return quantile(self.final, share), quantile(self.fall, share)


def quantile(values: Ints, share: float) -> int:
    """Return the smallest value that at least this share of the values does not exceed."""
    return int(np.quantile(values, share, method="inverted_cdf"))


def p_value(drawn: NDArray[np.int64] | Floats, real: float) -> float:
    """Return how often chance does at least as well.

    The real result counts as one of the draws, so the value is never 0 (Davison and Hinkley 1997, section 4.2).
    """
    return (1 + int(np.count_nonzero(drawn >= real))) / (1 + len(drawn))


def deepest_fall(results: Ints) -> int:
    """Return the deepest fall of the running sum from an earlier high, the start included (paise)."""
    worth = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(results)])
    return int((np.maximum.accumulate(worth) - worth).max())


def shuffled(results: Ints, draws: int, random: np.random.Generator) -> Outcomes:
    """Draw the same trades in other orders: the final result is equal, the path to it differs."""
    return _outcomes(random.permutation(results) for _ in range(draws))


def sampled(results: Ints, draws: int, random: np.random.Generator) -> Outcomes:
    """Draw as many trades with replacement (bootstrap)."""
    return _outcomes(random.choice(results, len(results)) for _ in range(draws))


def _outcomes(samples: Iterable[Ints]) -> Outcomes:
    pairs = [(int(sample.sum()), deepest_fall(sample)) for sample in samples]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Outcomes(table[:, 0], table[:, 1])


@dataclass(frozen=True, eq=False)
class PossiblePositions:
    """The result of each possible entry as if it were the only one: one row per position, by instrument and entry.

    `entry` and `exit`: ordinals of sessions; `net` in paise.
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
    """Return the net result of each draw (paise).

    A draw takes for each instrument as many positions as `wanted` names, at random and without overlap, or as many as fit.
    """
    total = np.zeros(draws, dtype=np.int64)
    bounds = np.searchsorted(possible.instrument, np.arange(len(wanted) + 1))
    for number, count in enumerate(wanted.tolist()):
        rows = slice(bounds[number], bounds[number + 1])
        if count and rows.stop > rows.start:
            total += _drawn(possible[rows], count, draws, random)
    return total


def _drawn(possible: PossiblePositions, count: int, draws: int, random: np.random.Generator) -> Ints:
    """Return the net results of one instrument. Each draw takes its positions in a random order, those that still fit."""
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
    """Return the best result of many worthless settings in each draw: White's reality check (2000), with the stationary
    bootstrap of Politis and Romano (1994).

    `results`: paise, shaped (sessions, settings). `scale`: the unit of a setting's mean: ones for money, its standard deviation
    for a ratio. `block`: the mean number of sessions that stay together, because neighbouring sessions have similar results. A
    returned value is a mean per session, in units of `scale`; compare it with the real one by `p_value`.
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
    """Return how often each session occurs in each resample.

    A resample consists of runs of sessions with geometric lengths of mean `block`, from any start, continued at the first
    session.
    """
    place = np.arange(sessions)
    begins = random.random((draws, sessions)) < 1 / block
    begins[:, 0] = True
    begun = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    starts = random.integers(sessions, size=(draws, sessions))
    drawn = (np.take_along_axis(starts, begun, axis=1) + place - begun) % sessions
    flat = (drawn + sessions * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * sessions).reshape(draws, sessions).astype(np.int64)
