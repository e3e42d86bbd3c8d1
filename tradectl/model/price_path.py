"""Model the path of a price inside a session: corner points at whole seconds, joined by straight lines.

A daily bar gives four corners: the open, the extreme nearer to the open (the low on a tie), the other extreme and the close. Each
minute bar gives the same corners at its seconds 0, 20, 40 and 59. The path is level during a missing minute. Seconds count from
the start of continuous trading. Prices are rounded to the paisa, so each line is monotonic and exact at its corners. Before the
first and after the last corner the price is constant.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import lt

MINUTE = 60
MinuteBar = tuple[int, int, int, int, int, int]
"""Minute after the open; open, high, low, close in paise; volume in shares."""


class Path:
    """Prices in paise over the seconds of one session. Intervals include both ends."""

    __slots__ = ("_highs", "_lows", "prices", "seconds")

    def __init__(self, corners: Iterable[tuple[int, int]]) -> None:
        """Make a path of corners (second, price in paise). Raises ValueError if the seconds do not ascend strictly."""
        points = list(corners)
        self.seconds: list[int] = [second for second, _ in points]
        self.prices: list[int] = [price for _, price in points]
        if not all(map(lt, self.seconds, self.seconds[1:])):
            raise ValueError("the corners of a path must follow each other in time")
        self._lows: list[int] = []  # computed by the first `until`
        self._highs: list[int] = []

    def price_at(self, second: int) -> int:
        """Return the price at a second (paise)."""
        after = bisect_right(self.seconds, second)
        if after == 0:
            return self.prices[0]
        if after == len(self.seconds):
            return self.prices[-1]
        return self._on_line(after, second)

    def _on_line(self, after: int, second: int) -> int:
        """Return the price between the corners `after` - 1 and `after`; halves are rounded up."""
        start, end = self.seconds[after - 1], self.seconds[after]
        begin, change = self.prices[after - 1], self.prices[after] - self.prices[after - 1]
        span = end - start
        return begin + (2 * change * (second - start) + span) // (2 * span)

    def until(self, second: int) -> tuple[int, int, int]:
        """Return the lowest and the highest price up to `second`, and the price at `second`."""
        if not self._lows:
            self._lows = list(accumulate(self.prices, min))
            self._highs = list(accumulate(self.prices, max))
        after = bisect_right(self.seconds, second)
        last = self.price_at(second)
        if after == 0:
            return last, last, last
        return min(self._lows[after - 1], last), max(self._highs[after - 1], last), last

    def low_between(self, a: int, b: int) -> int:
        """Return the lowest price in [a, b]."""
        return min(self._extremes(a, b))

    def high_between(self, a: int, b: int) -> int:
        """Return the highest price in [a, b]."""
        return max(self._extremes(a, b))

    def _extremes(self, a: int, b: int) -> list[int]:
        """Return the prices that include the extremes of [a, b]: those at its ends and at the corners inside."""
        inside = self.prices[bisect_left(self.seconds, a) : bisect_right(self.seconds, b)]
        return [self.price_at(a), *inside, self.price_at(b)]

    def quiet_until(self, low: float, high: float, a: int) -> int | None:
        """Return a second from `a` on up to which all prices lie between `low` and `high`, both excluded.

        It is `a` or a corner, and the price leaves the range at it or on the line after it. None: the price never leaves it.
        """
        if not low < self.price_at(a) < high:
            return a
        for i in range(bisect_right(self.seconds, a), len(self.seconds)):
            if not low < self.prices[i] < high:
                return max(a, self.seconds[i - 1]) if i else a
        return None

    def first_at_or_below(self, price: int, a: int, b: int) -> int | None:
        """Return the first second of [a, b] with a price <= `price`; None if there is none."""
        return self._first(price, a, b, 1)

    def first_at_or_above(self, price: int, a: int, b: int) -> int | None:
        """Return the first second of [a, b] with a price >= `price`; None if there is none."""
        return self._first(price, a, b, -1)

    def _first(self, price: int, a: int, b: int, sign: int) -> int | None:
        """Return the first second in [a, b] with a price <= (`sign` 1) or >= (-1) `price`; None if there is none."""
        if a > b:
            return None
        start = a
        if sign * (self.price_at(a) - price) <= 0:
            return a
        for end in [*self.seconds[bisect_right(self.seconds, a) : bisect_right(self.seconds, b)], b]:
            if sign * (self.price_at(end) - price) <= 0:
                return self._search(price, start, end, sign)
            start = end
        return None

    def _search(self, price: int, before: int, reached: int, sign: int) -> int:
        """Return the first second at which one line reaches the price, after `before` and at or before `reached`."""
        while reached - before > 1:
            middle = (before + reached) // 2
            if sign * (self.price_at(middle) - price) <= 0:
                reached = middle
            else:
                before = middle
        return reached


def low_comes_first(opened: int, high: int, low: int) -> bool:
    """Return whether a daily bar's path goes to its low before its high."""
    return opened - low <= high - opened


def daily_path(opened: int, high: int, low: int, close: int, minutes: int, step: int = 1) -> Path:  # noqa: PLR0917 - a bar is four prices
    """Return the path of a daily bar over a session of some `minutes`.

    The extremes lie at 1/3 and 2/3 of the session, rounded down to a multiple of `step` minutes, so that a check every `step`
    minutes finds both. A session that is too short for that (Muhurat trading lasts an hour) uses whole minutes instead.
    """
    step = step if minutes // 3 >= step else 1
    first, second = (minutes * part // 3 // step * step for part in (1, 2))
    turns = (low, high) if low_comes_first(opened, high, low) else (high, low)
    return Path(zip((0, first * MINUTE, second * MINUTE, minutes * MINUTE), (opened, *turns, close), strict=True))


def minute_path(bars: Sequence[MinuteBar], day_open: int) -> Path:
    """Return the path through minute bars in ascending order.

    The first second has the official open of the day, which may differ from the open of the first minute bar.
    """
    corners = [(0, day_open)]
    for minute, opened, high, low, close, _ in bars:
        start = minute * MINUTE
        if start - 1 > corners[-1][0]:
            corners.append((start - 1, corners[-1][1]))
        turns = (low, high) if low_comes_first(opened, high, low) else (high, low)
        corners += zip((max(start, 1), start + 20, start + 40, start + 59), (opened, *turns, close), strict=True)
    return Path(corners)
