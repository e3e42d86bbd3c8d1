"""Decide by a class in Python: call its methods with the columns of one symbol, and check what they return.

Unknown numbers are no action: a price that is NaN is no order, and a comparison with NaN is False. A method that raises, or
returns something else than a column, is an error of one line with the file, the line and the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.model.history import Floats, History
from tradectl.strategy.column_rules import HeldColumns
from tradectl.strategy.expressions.evaluation import BarCalculation, BarColumns
from tradectl.strategy.python_bars import Bars, Held, known
from tradectl.strategy.python_class import PythonClass, guarded
from tradectl.strategy.rule_set import Mask, PositionFacts

EARLIER = 10
"""Bars between a position that `seen` invents and the bar."""


class PythonRule(Struct, frozen=True):
    """Hold a class and the values of its parameters. The methods are those of `column_rules.Rule`.

    Attributes:
        max_days: Sells at the open after so many sessions; None for no limit.
        securities: What may be bought, a key of `SECURITIES`.
        reentries: How often a position may be bought again.
    """

    read: PythonClass
    values: tuple[tuple[str, float], ...]
    max_days: int | None
    securities: str
    reentries: int

    @property
    def across(self) -> bool:
        """Return False: a class sees one symbol."""
        return False

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Return the methods, each with what it returns, or with its lines; and the limit of sessions."""
        days = (("max_days", str(self.max_days)),) if self.max_days is not None else ()
        return (*self.read.texts, *days)

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""
        return "stop" in self.read.methods

    @property
    def targets(self) -> bool:
        """Return whether the rule has a target."""
        return "target" in self.read.methods

    def columns(self, histories: Sequence[History]) -> Sequence[PythonColumns]:
        """Return the columns of some symbols, in their order."""
        calculation = BarCalculation(BarColumns.of(histories))
        return [PythonColumns(self, Bars(calculation, symbol, history)) for symbol, history in enumerate(histories)]


class _HeldBars(Struct, frozen=True):
    """The columns of a position on all bars."""

    exit: Mask
    target: Floats
    stop: Floats
    reentry: Mask


class PythonColumns:
    """The columns of a class for one symbol. The methods are those of `SymbolColumns`."""

    def __init__(self, rule: PythonRule, bars: Bars) -> None:
        self.rule, self.bars = rule, bars
        self._last: tuple[PositionFacts, _HeldBars] | None = None

    @cached_property
    def _instance(self) -> Any:
        """Return an object of the class with the values of the parameters. Each symbol has its own."""
        return self.rule.read.instance(dict(self.rule.values))

    @cached_property
    def entry(self) -> Mask:
        """Return where the entry condition is true."""
        return self._condition("entry", self.bars)

    @cached_property
    def score(self) -> Floats | None:
        """Return the score of each bar; None without a score."""
        return self._number("score", self.bars) if "score" in self.rule.read.methods else None

    @cached_property
    def size(self) -> Floats | None:
        """Return the part of `capital_per_trade` for a buy on each bar; None for all of it."""
        return self._number("size", self.bars) if "size" in self.rule.read.methods else None

    def held(self, facts: PositionFacts, begin: int, end: int) -> HeldColumns:
        """Return the columns of a position on the bars `begin` to `end` - 1."""
        if self._last is None or self._last[0] != facts:
            self._last = facts, self._held(facts)
        found, rows = self._last[1], slice(begin, end)
        return HeldColumns(found.exit[rows], found.target[rows], found.stop[rows], found.reentry[rows])

    def _held(self, facts: PositionFacts) -> _HeldBars:
        """Return the columns of a position on all bars: each method is called once a position."""
        n, methods, rule = len(self.bars), self.rule.read.methods, self.rule
        days = np.maximum(np.arange(n) - facts.entered, 0).astype(np.float64)
        days.flags.writeable = False
        held = Held(facts.entry, days, facts.buys)
        never, unknown = np.zeros(n, dtype=np.bool_), np.full(n, np.nan)
        leaves = self._condition("exit", self.bars, held) if "exit" in methods else never
        return _HeldBars(
            exit=leaves if rule.max_days is None else leaves | (days >= rule.max_days),
            target=self._number("target", self.bars, held) if "target" in methods else unknown,
            stop=self._number("stop", self.bars, held) if "stop" in methods else unknown,
            reentry=self._condition("reentry", self.bars, held) if 0 < facts.buys <= rule.reentries else never,
        )

    def following(self, name: str, begin: int, end: int) -> Floats:
        """Return `high` or `low`, adjusted, of the bars after those from `begin` to `end` - 1; NaN after the last bar."""
        column = self.bars.high if name == "high" else self.bars.low
        later, found = column[begin + 1 : end + 1], np.full(end - begin, np.nan)
        found[: len(later)] = later
        return found

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values on a bar, as text, because NaN does not equal itself.

        Two positions, bought at the close of this bar and of an earlier one, show whether a method of a position reads later
        bars.
        """
        values: list[object] = [repr(bool(self.entry[j]))]
        values += [repr(float(column[j])) for column in (self.score, self.size) if column is not None]
        for entered in (j, max(0, j - EARLIER)):
            held = self._held(PositionFacts(float(self.bars.close[entered]), entered))
            values += [
                repr(bool(held.exit[j])),
                repr(float(held.target[j])),
                repr(float(held.stop[j])),
                repr(bool(held.reentry[j])),
            ]
        return tuple(values)

    # --- calls of the class

    def _condition(self, name: str, *arguments: Any) -> Mask:
        """Return what a method returns as a condition. Raises UsageError."""
        found = self._called(name, *arguments)
        if found.dtype != np.bool_:
            raise self._wrong(name, f"returns {found.dtype} values; a condition is true or false: compare, such as x < 10")
        return self._of_all_bars(name, found).astype(np.bool_)

    def _number(self, name: str, *arguments: Any) -> Floats:
        """Return what a method returns as numbers; NaN for an infinite one. Raises UsageError."""
        found = self._called(name, *arguments)
        if found.dtype.kind not in "iuf":
            raise self._wrong(name, f"returns {found.dtype} values; it must return numbers")
        return known(self._of_all_bars(name, found).astype(np.float64))

    def _of_all_bars(self, name: str, found: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        n = len(self.bars)
        if found.ndim == 0:
            return np.full(n, found)
        if found.shape != (n,):
            raise self._wrong(name, f"returns the shape {found.shape}; a column has one value for each of the {n} bars")
        return found

    def _called(self, name: str, *arguments: Any) -> np.ndarray[Any, Any]:
        read, method = self.rule.read, getattr(self._instance, name)

        def column() -> np.ndarray[Any, Any]:
            found = method(*arguments)
            if found is None:
                raise UsageError("it returns nothing; does it lack `return`?")
            return np.asarray(found)

        with np.errstate(all="ignore"):
            called: np.ndarray[Any, Any] = guarded(read.file, read.methods[name].line, name, column)
        return called

    def _wrong(self, name: str, message: str) -> UsageError:
        return UsageError(f"{self.rule.read.file}: line {self.rule.read.methods[name].line}: {name} {message}")
