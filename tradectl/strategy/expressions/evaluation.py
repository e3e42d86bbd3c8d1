"""Calculate expressions over all bars of many symbols at once. Equal parts of expressions are calculated once.

Numbers are arrays in which NaN means unknown: too few bars, or a division by zero. A condition has three values, held as two
masks, *true* and *false*; where both are False it is unknown. A comparison with an unknown number is unknown; `not` of unknown is
unknown; `and` is false if one part is false; `or` is true if one part is true. A rule acts only where its condition is true.

Each value depends only on its bar and on earlier bars, because no function reaches forward.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import Floats, History, Ints
from tradectl.strategy.expressions.moving import shifted
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.expressions.vocabulary import CALENDAR, COLUMNS, FACTS, FUNCTIONS
from tradectl.strategy.rule_set import PositionFacts

Mask = NDArray[np.bool_]
Truth = tuple[Mask, Mask]
"""Where a condition is true, and where it is false."""
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_COMBINE: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class BarColumns:
    """Hold the bars of many symbols as arrays shaped (bars, symbols): row i has the i-th bar of each symbol.

    Attributes:
        sessions: Dates as ordinals; -1 after the last bar of a symbol.
        multiplier: M_t; 1 after the last bar.
        columns: The columns of the language by name, without those of the calendar: prices in adjusted rupees, adjusted volume,
            turnover in rupees; NaN after the last bar.
    """

    sessions: Ints
    multiplier: Floats
    columns: Mapping[str, Floats]

    @classmethod
    def of(cls, histories: Sequence[History]) -> BarColumns:
        """Return the bars of some histories, in their order."""
        shape = len(histories), max(map(len, histories), default=0)  # each symbol is written as one piece, and then turned
        sessions, multiplier = np.full(shape, -1, dtype=np.int64), np.ones(shape)
        columns = {name: np.full(shape, np.nan) for name in COLUMNS if name not in CALENDAR}
        for symbol, history in enumerate(histories):
            n = len(history)
            sessions[symbol, :n], multiplier[symbol, :n] = history.sessions, history.multiplier
            for name in ("open", "high", "low", "close"):
                columns[name][symbol, :n] = getattr(history, name) / 100 * history.multiplier
            columns["volume"][symbol, :n] = history.volume / history.multiplier
            columns["turnover"][symbol, :n] = history.close * history.volume / 100
        turned = {name: np.ascontiguousarray(values.T) for name, values in columns.items()}
        return cls(np.ascontiguousarray(sessions.T), np.ascontiguousarray(multiplier.T), turned)


class Calculation(ABC):
    """Calculate expressions on some rows of bars. Values are kept by expression."""

    def __init__(self) -> None:
        self._numbers: dict[Expression, Floats] = {}
        self._conditions: dict[Expression, Truth] = {}

    def number(self, expression: Expression) -> Floats:
        """Return the values of a numeric expression; NaN where it is unknown."""
        found = self._numbers.get(expression)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._number(expression)
                if not np.isfinite(found).all():
                    found = np.where(np.isfinite(found), found, np.nan)
            self._numbers[expression] = found
        return found

    def condition(self, expression: Expression) -> Truth:
        """Return where a condition is true and where it is false."""
        found = self._conditions.get(expression)
        if found is None:
            found = self._conditions[expression] = self._condition(expression)
        return found

    def _number(self, expression: Expression) -> Floats:
        name, operands = expression.name, expression.operands
        if name == "number":
            return np.broadcast_to(np.float64(expression.numbers[0]), self.shape)
        if name == "at_scale":
            return self.number(operands[0]) * self.multiplier ** expression.numbers[0]
        if name == "negative":
            return -self.number(operands[0])
        if name == "abs":
            return np.abs(self.number(operands[0]))
        if name in _COMBINE:
            found: Floats = reduce(_COMBINE[name], map(self.number, operands))
            return found
        return self._leaf(expression)

    def _condition(self, expression: Expression) -> Truth:
        name = expression.name
        if name in _COMPARE:
            left, right = map(self.number, expression.operands)
            known = ~(np.isnan(left) | np.isnan(right))
            holds = _COMPARE[name](left, right)
            return holds & known, ~holds & known
        if name == "cross":
            return self._cross(expression)
        parts = [self.condition(item) for item in expression.operands]
        if name == "not":
            true, false = parts[0]
            return false, true
        joined, other = (np.logical_and, np.logical_or) if name == "and" else (np.logical_or, np.logical_and)
        return joined.reduce([true for true, _ in parts]), other.reduce([false for _, false in parts])

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Return the shape of a value."""

    @property
    @abstractmethod
    def multiplier(self) -> Floats:
        """Return M of each bar."""

    @abstractmethod
    def _leaf(self, expression: Expression) -> Floats:
        """Return the values of a column, a fact or a function."""

    @abstractmethod
    def _cross(self, expression: Expression) -> Truth:
        """Return where the first operand crosses above the second."""


class BarCalculation(Calculation):
    """Calculate expressions without facts of a position, on all bars of all symbols."""

    def __init__(self, bars: BarColumns) -> None:
        super().__init__()
        self.bars = bars

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (bars, symbols)."""
        return self.bars.sessions.shape

    @property
    def multiplier(self) -> Floats:
        """Return M of each bar."""
        return self.bars.multiplier

    def _leaf(self, expression: Expression) -> Floats:
        name = expression.name
        if name in self.bars.columns:
            return self.bars.columns[name]
        if name in CALENDAR:
            return CALENDAR[name](self.bars.sessions)
        operands = [self.number(item) for item in expression.operands]
        if name == "rank":
            scale = expression.operands[0].scale
            traded = operands[0] / self.multiplier**scale if scale else operands[0]  # M depends on where the bars begin
            return _ranks(traded, self.bars.sessions)
        function = FUNCTIONS[name]
        numbers = [
            int(value) if setting.whole else value for setting, value in zip(function.settings, expression.numbers, strict=True)
        ]
        return function.calculate(*operands, *numbers)

    def _cross(self, expression: Expression) -> Truth:
        left, right = map(self.number, expression.operands)
        before, other = shifted(left, 1), shifted(right, 1)
        known = ~(np.isnan(left) | np.isnan(right) | np.isnan(before) | np.isnan(other))
        crossed = (left > right) & (before <= other)
        return crossed & known, ~crossed & known


class HeldCalculation(Calculation):
    """Calculate expressions with facts of a position, on the bars `begin` to `end` - 1 of one symbol."""

    def __init__(self, base: BarCalculation, symbol: int, begin: int, end: int, facts: PositionFacts) -> None:
        super().__init__()
        self.base, self.symbol, self.rows = base, symbol, slice(begin, end)
        self.facts = {
            "entry": np.full(end - begin, facts.entry),
            "days_held": np.maximum(np.arange(begin, end) - facts.entered, 0).astype(np.float64),
            "buys": np.full(end - begin, float(facts.buys)),
        }

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (bars,)."""
        return self.facts["entry"].shape

    @property
    def multiplier(self) -> Floats:
        """Return M of each bar."""
        return self.base.multiplier[self.rows, self.symbol]

    def number(self, expression: Expression) -> Floats:
        """Return the values of a numeric expression; NaN where it is unknown."""
        if not expression.of_position:
            return self.base.number(expression)[self.rows, self.symbol]
        return super().number(expression)

    def condition(self, expression: Expression) -> Truth:
        """Return where a condition is true and where it is false."""
        if not expression.of_position:
            true, false = self.base.condition(expression)
            return true[self.rows, self.symbol], false[self.rows, self.symbol]
        return super().condition(expression)

    def _leaf(self, expression: Expression) -> Floats:
        if expression.name not in FACTS:
            raise AssertionError(f"{expression.name} cannot use facts of a position")
        return self.facts[expression.name]

    def _cross(self, expression: Expression) -> Truth:
        raise AssertionError(f"{expression.name} cannot use facts of a position")


def _ranks(values: Floats, sessions: Ints) -> Floats:
    """Return the place of each value among those of its session, 1 for the largest. Equal values share the better place."""
    known = ~np.isnan(values) & (sessions >= 0)
    days, numbers = sessions[known], values[known]
    order = np.lexsort((-numbers, days))
    days, numbers = days[order], numbers[order]
    index = np.arange(len(days))
    begins = np.ones(len(days), dtype=np.bool_)
    begins[1:] = days[1:] != days[:-1]
    better = begins.copy()
    better[1:] |= numbers[1:] != numbers[:-1]
    first = np.maximum.accumulate(np.where(begins, index, 0))
    place = np.maximum.accumulate(np.where(better, index, 0)) - first + 1
    ranked = np.empty(len(days))
    ranked[order] = place
    result = np.full(values.shape, np.nan)
    result[known] = ranked
    return result
