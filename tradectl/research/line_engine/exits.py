"""Find the session in which each held position is sold. From the day after the buy, its sessions are those of `session.trade`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tradectl.model.history import Ints
from tradectl.research.line_engine.bars import Bars, Mask, any_between
from tradectl.research.line_engine.levels import Held, Rule

FIRST_STRIDE, LONGEST_STRIDE = 8, 64
"""The numbers of bars that are calculated at once for a position: the first time, and at most."""


@dataclass(frozen=True, eq=False)
class Exits:
    """Hold the sale of each position.

    Attributes:
        place: The place of the sale; that after the symbol's last bar of the span if it is still held then.
        price: Paise.
        at_open: Whether the sale is at the open.
        special: Whether only `SymbolRun` knows the sale.
    """

    place: Ints
    price: Ints
    at_open: Mask
    special: Mask

    @classmethod
    def unknown(cls, count: int) -> Exits:
        """Return places for the sales of so many positions."""
        masks = (np.zeros(count, dtype=np.bool_) for _ in range(2))
        return cls(np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64), *masks)

    def put(self, chosen: Ints, found: Exits) -> None:
        """Write the sales of some positions."""
        self.place[chosen], self.price[chosen] = found.place, found.price
        self.at_open[chosen], self.special[chosen] = found.at_open, found.special


class ExitSearch:
    """Find the sales of positions of one rule."""

    def __init__(self, bars: Bars, rule: Rule) -> None:
        self.bars, self.rule = bars, rule

    def find(self, bought: Ints, held: Held) -> Exits:
        """Return the sales of positions. `bought`: the place of the bar of each buy."""
        bars, found = self.bars, Exits.unknown(len(bought))
        end = bars.closes[bars.symbol[bought]]
        open_, at = np.arange(len(bought)), bought
        while len(open_):
            at = self._next(at, end[open_], held.take(open_))
            over = at >= end[open_]
            found.place[open_[over]] = end[open_[over]]
            open_, at = open_[~over], at[~over]
            closed = self._sold(open_, at, held.take(open_), found)
            open_, at = open_[~closed], at[~closed]
        last = np.minimum(found.place, end - 1)
        found.special[:] |= any_between(bars.changes, bought, last)
        if self.rule.has_levels:
            found.special[:] |= any_between(bars.with_minutes, bought, last)
        return found

    def _sold(self, open_: Ints, at: Ints, held: Held, found: Exits) -> Mask:
        """Write the sales of the positions `open_` in the sessions of the places `at`. Return which of them end there."""
        bars = self.bars
        level = self.rule.levels(at, held)
        opened, high, low = bars.open[at], bars.high[at], bars.low[at]
        at_open = level.leaves | (opened >= level.target) | (opened <= level.stop)
        stopped, reaches = ~at_open & (low <= level.stop), high >= level.target
        closed = (at_open | stopped | reaches) & bars.runs[at]
        special = (level.unknown | stopped) & bars.runs[at]  # where a stop sells follows from the path of the session
        special |= level.leaves & ~bars.runs[at]  # the sale waits for the next session with a run
        found.place[open_], found.at_open[open_] = at, at_open
        found.price[open_], found.special[open_] = np.where(at_open, opened, level.target), special
        ended: Mask = closed | special
        return ended

    def _next(self, at: Ints, end: Ints, held: Held) -> Ints:
        """Return for each position the next place after `at` whose session may sell; `end` or a later place if there is none."""
        if not self.rule.of_position:
            return self._after[at]
        result, open_, stride = end.copy(), np.arange(len(at)), FIRST_STRIDE
        while len(open_):
            steps = at[open_, None] + np.arange(stride)
            inside = steps + 1 < end[open_, None]
            rows = self.bars.rows(at[open_])[:, None] + np.arange(stride)
            column = np.broadcast_to(self.bars.column[self.bars.symbol[at[open_]]][:, None], rows.shape)
            own = held.take(open_)
            wide = Held(np.broadcast_to(own.entry[:, None], rows.shape), np.broadcast_to(own.entered[:, None], rows.shape))
            last = self.rule.base.shape[0] - 1
            hits = self.rule.may_sell(np.minimum(rows, last), column, wide) & inside
            any_hit = hits.any(axis=1)
            result[open_[any_hit]] = steps[any_hit, hits[any_hit].argmax(axis=1)] + 1
            goes_on = ~any_hit & inside[:, -1]
            at = at.copy()
            at[open_] += stride
            open_, stride = open_[goes_on], min(2 * stride, LONGEST_STRIDE)
        return result

    @cached_property
    def _after(self) -> Ints:
        """Return for each place the next place of its symbol whose session may sell, for a rule without facts of the position."""
        bars = self.bars
        places = np.arange(len(bars.sessions))
        may = self.rule.may_sell_anywhere()[bars.rows(places), bars.column[bars.symbol]]
        after = np.where(may, places + 1, len(places) + 1)
        found: Ints = np.minimum.accumulate(after[::-1])[::-1]
        return found
