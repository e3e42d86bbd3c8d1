"""Define a rule in one line: an entry, an exit, a target and a stop, each an expression, for each symbol of a list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from tradectl.errors import UsageError
from tradectl.model.history import Floats, History
from tradectl.strategy.entry import Mask
from tradectl.strategy.expressions.evaluation import BarCalculation, BarColumns, HeldCalculation, PositionFacts
from tradectl.strategy.expressions.parsing import parse_condition, parse_price
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.rule_set import NO_TARGET, HeldBuys, SessionLevels

BLOCK = 32
"""Number of bars for which the expressions of a position are calculated at once."""
NOISE = 1e-9
"""Rounding errors of floats that are ignored, as a part of a tick."""


@dataclass(frozen=True, slots=True)
class LineRule:
    """Hold the parsed expressions of a rule. At least one of `exit`, `target` and `stop` is there."""

    entry: Expression
    exit: Expression | None
    target: Expression | None
    stop: Expression | None
    texts: tuple[tuple[str, str], ...]
    """The name and the text of each expression that was given."""

    @property
    def across(self) -> bool:
        """Return whether the rule compares the symbols of a list."""
        return any(part is not None and part.across for part in (self.entry, self.exit, self.target, self.stop))


def parse_rule(entry: str, exit_: str, target: str, stop: str) -> LineRule | None:
    """Return a rule from the texts of its options; None if all are empty. Raises UsageError in one line."""
    given = (("entry", entry), ("exit", exit_), ("target", target), ("stop", stop))
    texts = tuple((name, text) for name, text in given if text)
    if not texts:
        return None
    if not entry:
        raise UsageError(f"--{texts[0][0]} needs --entry: a rule says when to buy")
    if len(texts) == 1:
        raise UsageError("--entry needs --exit, --target or --stop: a rule says when to sell")
    return LineRule(
        parse_condition(entry, "--entry"),
        parse_condition(exit_, "--exit", position=True) if exit_ else None,
        parse_price(target, "--target") if target else None,
        parse_price(stop, "--stop") if stop else None,
        texts,
    )


@dataclass(frozen=True, slots=True)
class _Decisions:
    """The decisions of a position on the bars of a block. Levels are in adjusted rupees; NaN if unknown.

    `events`: whether the session after a bar may sell, or has an unknown stop.
    """

    exits: list[bool]
    targets: list[float]
    stops: list[float]
    events: list[bool]


class LineRules:
    """Decide for one symbol by a rule in one line. The methods are those of `RuleSet`.

    Args:
        rule: The parsed rule.
        calculation: The bars of all symbols.
        symbol: Index of the symbol in these bars.
        history: The bars of the symbol.
    """

    scored = False

    def __init__(self, rule: LineRule, calculation: BarCalculation, symbol: int, history: History) -> None:
        self.rule, self.calculation, self.symbol, self.history = rule, calculation, symbol, history
        self._known: tuple[tuple[int, float], dict[int, _Decisions]] = ((-1, 0.0), {})

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""
        return self.rule.stop is not None

    @cached_property
    def entries(self) -> Mask:
        """Return the bars on whose close the entry condition is true."""
        true, _ = self.calculation.condition(self.rule.entry)
        return true[: len(self.history), self.symbol].copy()

    def entry_level(self, j: int) -> int:  # noqa: ARG002 - RuleSet
        """Return 1: the rule has no levels."""
        return 1

    def reentry_level(self, held: HeldBuys, j: int) -> int:  # noqa: ARG002 - RuleSet
        """Return 0: the rule buys a position once."""
        return 0

    def reward_gone(self, decided: int, j: int, opened: int, limit: int) -> bool:  # noqa: ARG002 - RuleSet
        """Return whether the buy would fill at or above its target."""
        if self.rule.target is None:
            return False
        price, scale = min(opened, limit), float(self.history.multiplier[j])
        held = HeldBuys(entered=j, price=price / 100 * scale)
        return self._decided(held, j - 1).targets[(j - 1) % BLOCK] * 100 / scale <= price + NOISE

    def exit_due(self, held: HeldBuys, last: int) -> bool:
        """Return whether the exit condition is true on the close of a bar."""
        return self.rule.exit is not None and self._decided(held, last).exits[last % BLOCK]

    def levels(self, held: HeldBuys, j: int, tick: int) -> SessionLevels:
        """Return the target, rounded up to the tick, and the stop, rounded down. Unknown levels are left out.

        A stop of 0 is known, and no price falls to it.
        """
        row, scale = self._decided(held, j - 1), 100 / float(self.history.multiplier[j])
        target, stop = row.targets[(j - 1) % BLOCK] * scale / tick, row.stops[(j - 1) % BLOCK] * scale / tick
        least = NO_TARGET if math.isnan(target) else max(1, math.ceil(target - NOISE)) * tick
        most = None if math.isnan(stop) else max(0, math.floor(stop + NOISE)) * tick
        return SessionLevels(0.0, least, most)

    def _decided(self, held: HeldBuys, bar: int) -> _Decisions:
        """Return the decisions of the block in which a bar lies. They stay the same while the position does."""
        facts = held.entered, held.price
        if self._known[0] != facts:
            self._known = facts, {}
        blocks = self._known[1]
        number = bar // BLOCK
        if number not in blocks:
            begin, end = number * BLOCK, min((number + 1) * BLOCK, len(self.history))
            of = HeldCalculation(self.calculation, self.symbol, begin, end, PositionFacts(held.price, held.entered))
            unknown, rule = np.full(end - begin, np.nan), self.rule
            leaves = of.condition(rule.exit)[0] if rule.exit is not None else np.zeros(end - begin, dtype=np.bool_)
            target = of.number(rule.target) if rule.target is not None else unknown
            stop = of.number(rule.stop) if rule.stop is not None else unknown
            events = leaves | (self._following("high", begin, end) >= target * (1 - NOISE))
            if rule.stop is not None:
                events |= ~(self._following("low", begin, end) > stop * (1 + NOISE))
            blocks[number] = _Decisions(leaves.tolist(), target.tolist(), stop.tolist(), events.tolist())
        return blocks[number]

    def _following(self, name: str, begin: int, end: int) -> Floats:
        """Return a column for the bars after those from `begin` to `end` - 1; NaN after the last bar."""
        found = np.full(end - begin, np.nan)
        known = self.calculation.bars.columns[name][begin + 1 : min(end + 1, len(self.history)), self.symbol]
        found[: len(known)] = known
        return found

    def next_event(self, held: HeldBuys, j: int) -> int:
        """Return the first bar from `j` on whose session may sell, or has an unknown stop."""
        row, end = j - 1, len(self.history) - 1
        while row < end:
            events = self._decided(held, row).events
            if True in events[row % BLOCK :]:
                return row - row % BLOCK + events.index(True, row % BLOCK) + 1
            row += BLOCK - row % BLOCK
        return end + 1

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values of all parts of the rule that need no position, as text, because NaN does not equal itself."""
        parts = [getattr(self.rule, item.name) for item in fields(self.rule) if item.name != "texts"]
        return tuple(
            repr([bool(mask[j, self.symbol]) for mask in self.calculation.condition(part)])
            if part.condition
            else repr(float(self.calculation.number(part)[j, self.symbol]))
            for part in parts
            if part is not None and not part.of_position
        )


def rules_of(rule: LineRule, histories: Sequence[History]) -> dict[str, LineRules]:
    """Return the rules of some symbols by instrument id. Their bars are calculated together, and shared."""
    calculation = BarCalculation(BarColumns.of(histories))
    return {history.instrument_id: LineRules(rule, calculation, n, history) for n, history in enumerate(histories)}
