"""Calculate the exit condition, the target and the stop of many positions at once, each on bars of its own symbol.

The values are those of `ColumnRules`: the same operations in the same order, so equal to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints
from tradectl.research.line_engine.bars import Bars
from tradectl.strategy.column_rules import NOISE
from tradectl.strategy.expressions.evaluation import BarCalculation, Calculation, Truth
from tradectl.strategy.expressions.line_rule import LineRule
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.rule_set import NO_TARGET

Mask = NDArray[np.bool_]
_LARGEST = float(1 << 52)
"""More ticks than any price has. Floats below it hold whole numbers exactly."""


class Held(NamedTuple):
    """Hold what a rule may know about positions, one value each: the price paid in adjusted rupees, and the row of the buy."""

    entry: Floats
    entered: Ints

    def take(self, chosen: Mask | Ints) -> Held:
        """Return some positions, by a mask or indices."""
        return Held(self.entry[chosen], self.entered[chosen])


class PositionCalculation(Calculation):
    """Calculate expressions for positions. All arguments have one shape: a value for each position and bar.

    Args:
        base: The bars of all symbols.
        rows, columns: The bar, and the column of its symbol in `base`.
        held: The position.
    """

    def __init__(self, base: BarCalculation, rows: Ints, columns: Ints, held: Held) -> None:
        super().__init__()
        self.base, self.places = base, rows * base.shape[1] + columns
        self.rows, self.held = rows, held

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the arguments."""
        return self.places.shape

    @property
    def multiplier(self) -> Floats:
        """Return M of each bar."""
        return _taken(self.base.multiplier, self.places)

    def number(self, expression: Expression) -> Floats:
        """Return the values of a numeric expression; NaN where it is unknown."""
        if expression.of_position or expression.name == "number":
            return super().number(expression)
        return _taken(self.base.number(expression), self.places)

    def condition(self, expression: Expression) -> Truth:
        """Return where a condition is true and where it is false."""
        if expression.of_position:
            return super().condition(expression)
        true, false = self.base.condition(expression)
        return true.ravel()[self.places], false.ravel()[self.places]

    def _leaf(self, expression: Expression) -> Floats:
        if expression.name == "entry":
            return self.held.entry
        if expression.name == "days_held":
            days: Floats = np.maximum(self.rows - self.held.entered, 0).astype(np.float64)
            return days
        raise AssertionError(f"{expression.name} cannot use facts of a position")

    def _cross(self, expression: Expression) -> Truth:
        raise AssertionError(f"{expression.name} cannot use facts of a position")


def _taken(values: Floats, places: Ints) -> Floats:
    found: Floats = values.ravel()[places]
    return found


class Levels(NamedTuple):
    """Hold the decisions for sessions: sell at the open, the target and the stop in paise on the tick.

    NO_TARGET without a target, -1 without a stop. `unknown`: the rule has a stop, and it is unknown.
    """

    leaves: Mask
    target: Ints
    stop: Ints
    unknown: Mask


class Rule:
    """Calculate the parts of a rule for positions in some bars."""

    def __init__(self, rule: LineRule, base: BarCalculation, bars: Bars) -> None:
        self.rule, self.base, self.bars = rule, base, bars

    @property
    def of_position(self) -> bool:
        """Return whether a sale depends on facts of the position."""
        return any(part is not None and part.of_position for part in (self.rule.exit, self.rule.target, self.rule.stop))

    @property
    def has_levels(self) -> bool:
        """Return whether the rule has a target or a stop. Without them, only the open of a session matters to held shares."""
        return self.rule.target is not None or self.rule.stop is not None

    def calculation(self, places: Ints, held: Held) -> PositionCalculation:
        """Return the calculation on the closes of some places."""
        return PositionCalculation(self.base, self.bars.rows(places), self.bars.column[self.bars.symbol[places]], held)

    def levels(self, places: Ints, held: Held) -> Levels:
        """Return the decisions for the sessions of some places, from the bars before them, as `ColumnRules.levels`."""
        of, rule = self.calculation(places - 1, held), self.rule
        scale, tick = 100 / self.bars.multiplier[places], self.bars.tick[places]
        none = np.zeros(len(places), dtype=np.bool_)
        leaves = of.condition(rule.exit)[0] if rule.exit is not None else none
        target, stop, unknown = np.full(len(places), NO_TARGET), np.full(len(places), -1), none
        if rule.target is not None:
            ticks = of.number(rule.target) * scale / tick
            known = ticks < _LARGEST
            target[known] = np.maximum(1, np.ceil(ticks[known] - NOISE).astype(np.int64)) * tick[known]
        if rule.stop is not None:
            ticks = of.number(rule.stop) * scale / tick
            unknown = np.isnan(ticks)
            stop[~unknown] = np.floor(np.clip(ticks[~unknown], 0, _LARGEST) + NOISE).astype(np.int64) * tick[~unknown]
        return Levels(leaves, target, stop, unknown)

    def reward_gone(self, places: Ints, held: Held, prices: Ints) -> Mask:
        """Return whether buys at some prices (paise) would fill at or above their targets, as `ColumnRules.reward_gone`."""
        if self.rule.target is None:
            return np.zeros(len(places), dtype=np.bool_)
        target = self.calculation(places - 1, held).number(self.rule.target)
        gone: Mask = target * 100 / self.bars.multiplier[places] <= prices + NOISE
        return gone

    def may_sell(self, rows: Ints, columns: Ints, held: Held) -> Mask:
        """Return whether the session after a bar may sell, or has an unknown stop. It may be true for a session that does not."""
        of, count = PositionCalculation(self.base, rows, columns, held), self.base.shape[0] * self.base.shape[1]
        after = np.minimum(of.places + self.base.shape[1], count - 1)
        prices = self.base.bars.columns
        return self._may_sell(of, prices["high"].ravel()[after], prices["low"].ravel()[after])

    def may_sell_anywhere(self) -> Mask:
        """Return `may_sell` of all bars of the calculation, for a rule without facts of the position."""
        prices = self.base.bars.columns
        if not self.has_levels:
            return self._may_sell(self.base, prices["high"], prices["low"])
        high, low = (np.vstack([prices[name][1:], prices[name][-1:]]) for name in ("high", "low"))
        return self._may_sell(self.base, high, low)

    def _may_sell(self, of: Calculation, high: Floats, low: Floats) -> Mask:
        """Return where the exit is true or the following session reaches a level. `high`, `low`: of that session."""
        found: Mask = np.zeros(of.shape, dtype=np.bool_)
        if self.rule.exit is not None:
            found |= of.condition(self.rule.exit)[0]
        if self.rule.target is not None:
            found |= high >= of.number(self.rule.target) * (1 - NOISE)
        if self.rule.stop is not None:
            found |= ~(low > of.number(self.rule.stop) * (1 + NOISE))
        return found
