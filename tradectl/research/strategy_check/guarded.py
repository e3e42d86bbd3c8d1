"""Run the code of a rule under the guard: a rule and its columns, each call of which enters the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from msgspec import Struct

from tradectl.model.history import Floats, History
from tradectl.ports import StrategyText
from tradectl.research.strategy_check.guard import Guard
from tradectl.strategy.column_rules import HeldColumns, Rule, SymbolColumns
from tradectl.strategy.rule_set import Mask, PositionFacts
from tradectl.strategy.strategy import PYTHON, Strategy
from tradectl.strategy.strategy_forms import strategy_of

T = TypeVar("T")


def load(text: StrategyText, guard: Guard) -> Strategy:
    """Return the strategy of a text. Code in Python runs under the guard, also later, when its rules calculate.

    Expressions can only calculate, so they need no guard.
    """
    if text.form != PYTHON:
        return strategy_of(text.name, text.form, text.text, text.file)
    inner = _guarded(guard, lambda: strategy_of(text.name, text.form, text.text, text.file))

    def make(values: Mapping[str, float]) -> Rule:
        return GuardedRule(_guarded(guard, lambda: inner.make(values)), guard)

    return replace(inner, make=make)


def _guarded(guard: Guard, call: Callable[[], T]) -> T:
    """Return what code of a rule returns, run under the guard."""
    with guard:
        return call()


class GuardedRule(Struct, frozen=True):
    """A rule whose code runs under the guard. The methods are those of `Rule`."""

    rule: Rule
    guard: Guard

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Return the parts of the rule."""
        return self.rule.texts

    @property
    def across(self) -> bool:
        """Return whether the rule compares the symbols of a list."""
        return self.rule.across

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""
        return self.rule.stops

    @property
    def targets(self) -> bool:
        """Return whether the rule has a target."""
        return self.rule.targets

    @property
    def reentries(self) -> int:
        """Return how often a position may be bought again."""
        return self.rule.reentries

    @property
    def securities(self) -> str:
        """Return what the rule may buy."""
        return self.rule.securities

    def columns(self, histories: Sequence[History]) -> Sequence[SymbolColumns]:
        """Return the columns of some symbols, in their order."""
        found = _guarded(self.guard, lambda: self.rule.columns(histories))
        return [GuardedColumns(columns, self.guard) for columns in found]


class GuardedColumns(Struct, frozen=True):
    """The columns of a rule whose code runs under the guard. The methods are those of `SymbolColumns`."""

    inner: SymbolColumns
    guard: Guard

    @property
    def entry(self) -> Mask:
        """Return where the entry condition is true."""
        return _guarded(self.guard, lambda: self.inner.entry)

    @property
    def score(self) -> Floats | None:
        """Return the score of each bar."""
        return _guarded(self.guard, lambda: self.inner.score)

    @property
    def size(self) -> Floats | None:
        """Return the part of `capital_per_trade` for a buy on each bar."""
        return _guarded(self.guard, lambda: self.inner.size)

    def held(self, facts: PositionFacts, begin: int, end: int) -> HeldColumns:
        """Return the columns of a position on some bars."""
        return _guarded(self.guard, lambda: self.inner.held(facts, begin, end))

    def following(self, name: str, begin: int, end: int) -> Floats:
        """Return `high` or `low` of the bars after those from `begin` to `end` - 1."""
        return self.inner.following(name, begin, end)

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values on a bar that need no position."""
        return _guarded(self.guard, lambda: self.inner.seen(j))
