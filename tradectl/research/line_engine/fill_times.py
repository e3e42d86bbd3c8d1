"""Compute at which second of the session an order fills on the path of a daily bar, for many bars at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tradectl.model.history import Ints
from tradectl.model.price_path import MINUTE


class Paths(NamedTuple):
    """Hold `price_path.daily_path` of many bars: four corners each, shaped (4, bars). Prices are in paise."""

    seconds: Ints
    prices: Ints

    @classmethod
    def of(cls, prices: Ints, minutes: Ints) -> Paths:
        """Return the paths of bars. `prices`: open, high, low and close. `minutes`: length of each session."""
        opened, high, low, close = prices
        low_first = opened - low <= high - opened
        turns = np.where(low_first, low, high), np.where(low_first, high, low)
        seconds = (minutes * part // 3 * MINUTE for part in (0, 1, 2, 3))
        return cls(np.stack(list(seconds)), np.stack([opened, *turns, close]))

    def take(self, chosen: Ints) -> Paths:
        """Return some paths."""
        return Paths(self.seconds[:, chosen], self.prices[:, chosen])

    def first_at_or_above(self, level: Ints, begin: Ints) -> Ints:
        """Return the first second from `begin` on with a price >= `level` (paise); -1 if there is none."""
        return self._first(level, begin, -1)

    def first_at_or_below(self, level: Ints, begin: Ints) -> Ints:
        """Return the first second from `begin` on with a price <= `level` (paise); -1 if there is none."""
        return self._first(level, begin, 1)

    def _first(self, level: Ints, begin: Ints, sign: int) -> Ints:
        """Return the first second from `begin` on with a price <= (`sign` 1) or >= (-1) `level`; -1 if there is none.

        A line has the price `before` + (2 * change * x + span) // (2 * span) at x seconds after its corner.
        """
        found = np.full(len(level), -1, dtype=np.int64)
        for corner in range(3):
            start, end = self.seconds[corner], self.seconds[corner + 1]
            before, change, span = self.prices[corner], self.prices[corner + 1] - self.prices[corner], end - start
            at = np.maximum(start, begin)
            price = before + (2 * change * (at - start) + span) // (2 * span)
            reached = sign * (price - level) <= 0
            way, speed = span * (2 * np.abs(level - before) - 1), np.maximum(-2 * sign * change, 1)
            steps = way // speed + 1 if sign > 0 else -(-way // speed)
            second = np.where(reached, at, np.maximum(start + steps, at))
            hits = (found < 0) & (at <= end) & (reached | (-sign * change > 0)) & (second <= end)
            found[hits] = second[hits]
        return found
