"""Define a rule of expressions: when to buy, to buy again and to sell, at which price, how much and what first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.model.history import Floats, History
from tradectl.model.rule_names import MOST_REENTRIES
from tradectl.strategy.column_rules import HeldColumns
from tradectl.strategy.entry import Mask
from tradectl.strategy.expressions.evaluation import BarCalculation, BarColumns, HeldCalculation
from tradectl.strategy.expressions.parsing import NONE, Constants, parse_condition, parse_price, parse_ratio
from tradectl.strategy.expressions.tree import Expression
from tradectl.strategy.rule_set import PositionFacts

PARTS = ("entry", "exit", "target", "stop", "score", "size")
"""The parts that are one expression each."""


class LineRule(Struct, frozen=True):
    """Hold the parsed expressions of a rule, of which `exit`, `target` or `stop` is there. The methods are those of `Rule`.

    Attributes:
        reentry: The conditions of the second buy, the third and so on.
        score: Orders the candidates of an evening, the largest first.
        size: The part of `capital_per_trade` that a buy may cost.
        texts: The name and the text of each part that was given.
        securities: What may be bought, a key of `SECURITIES`.
    """

    entry: Expression
    exit: Expression | None
    target: Expression | None
    stop: Expression | None
    texts: tuple[tuple[str, str], ...]
    reentry: tuple[Expression, ...] = ()
    score: Expression | None = None
    size: Expression | None = None
    securities: str = "shares"

    @property
    def parts(self) -> tuple[Expression, ...]:
        """Return all expressions of the rule."""
        single = (self.entry, self.exit, self.target, self.stop, self.score, self.size)
        return (*(part for part in single if part is not None), *self.reentry)

    @property
    def across(self) -> bool:
        """Return whether the rule compares the symbols of a list."""
        return any(part.across for part in self.parts)

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""
        return self.stop is not None

    @property
    def targets(self) -> bool:
        """Return whether the rule has a target."""
        return self.target is not None

    @property
    def reentries(self) -> int:
        """Return how often a position may be bought again."""
        return len(self.reentry)

    def columns(self, histories: Sequence[History]) -> Sequence[LineColumns]:
        """Return the columns of some symbols, in their order."""
        calculation = BarCalculation(BarColumns.of(histories))
        return [LineColumns(self, calculation, symbol, history) for symbol, history in enumerate(histories)]


def parse_rule(entry: str, exit_: str, target: str, stop: str) -> LineRule | None:
    """Return a rule from the texts of its options; None if all are empty. Raises UsageError in one line."""
    given = {"entry": entry, "exit": exit_, "target": target, "stop": stop}
    texts = {name: text for name, text in given.items() if text}
    return rule_of(texts, label="--") if texts else None


def rule_of(
    texts: Mapping[str, str],
    *,
    reentry: Sequence[str] = (),
    max_days: int | None = None,
    constants: Constants = NONE,
    securities: str = "shares",
    label: str = "",
) -> LineRule:
    """Return a rule from the texts of its `PARTS`. Raises UsageError in one line.

    Args:
        reentry: The conditions of the second buy, the third and so on.
        max_days: Sells at the open after so many sessions; None for no limit.
        constants: Numbers by the names that the texts may use.
        label: What stands before the name of a part in an error.
    """
    first = next(iter(texts), "exit")
    if "entry" not in texts:
        raise UsageError(f"{label}{first} needs {label}entry: a rule says when to buy")
    if not (texts.keys() & {"exit", "target", "stop"}) and max_days is None:
        raise UsageError(f"{label}entry needs {label}exit, {label}target or {label}stop: a rule says when to sell")
    if len(reentry) > MOST_REENTRIES:
        raise UsageError(f"{label}reentry has {len(reentry)} conditions; at most {MOST_REENTRIES} are allowed")

    def held(name: str, text: str) -> Expression:
        return parse_condition(text, f"{label}{name}", position=True, constants=constants)

    leaves = held("exit", texts["exit"]) if "exit" in texts else None
    if max_days is not None:
        limit = parse_condition(f"days_held >= {max_days}", f"{label}max_days", position=True)
        leaves = (
            limit if leaves is None else Expression("or", (leaves, limit), condition=True, of_position=True, across=leaves.across)
        )
    prices = {
        name: parse_price(texts[name], f"{label}{name}", constants=constants) for name in ("target", "stop") if name in texts
    }
    ratios = {
        name: parse_ratio(texts[name], f"{label}{name}", constants=constants) for name in ("score", "size") if name in texts
    }
    again = tuple((f"reentry {number}", text) for number, text in enumerate(reentry, 1))
    days = (("max_days", str(max_days)),) if max_days is not None else ()
    return LineRule(
        entry=parse_condition(texts["entry"], f"{label}entry", constants=constants),
        exit=leaves,
        target=prices.get("target"),
        stop=prices.get("stop"),
        texts=(*texts.items(), *again, *days),
        reentry=tuple(held(f"reentry {number}", text) for number, text in enumerate(reentry, 1)),
        score=ratios.get("score"),
        size=ratios.get("size"),
        securities=securities,
    )


class LineColumns:
    """The columns of a rule of expressions for one symbol. The methods are those of `SymbolColumns`.

    Args:
        rule: The parsed rule.
        calculation: The bars of all symbols.
        symbol: Index of the symbol in these bars.
        history: The bars of the symbol.
    """

    def __init__(self, rule: LineRule, calculation: BarCalculation, symbol: int, history: History) -> None:
        self.rule, self.calculation, self.symbol, self.history = rule, calculation, symbol, history

    @cached_property
    def entry(self) -> Mask:
        """Return where the entry condition is true."""
        true, _ = self.calculation.condition(self.rule.entry)
        return true[: len(self.history), self.symbol].copy()

    @cached_property
    def score(self) -> Floats | None:
        """Return the score of each bar; None without a score."""
        return self._number(self.rule.score)

    @cached_property
    def size(self) -> Floats | None:
        """Return the part of `capital_per_trade` for a buy on each bar; None for all of it."""
        return self._number(self.rule.size)

    def _number(self, part: Expression | None) -> Floats | None:
        return None if part is None else self.calculation.number(part)[: len(self.history), self.symbol]

    def held(self, facts: PositionFacts, begin: int, end: int) -> HeldColumns:
        """Return the columns of a position on the bars `begin` to `end` - 1."""
        of, rule = HeldCalculation(self.calculation, self.symbol, begin, end, facts), self.rule
        never, unknown = np.zeros(end - begin, dtype=np.bool_), np.full(end - begin, np.nan)
        again = rule.reentry[facts.buys - 1] if 0 < facts.buys <= len(rule.reentry) else None
        return HeldColumns(
            exit=of.condition(rule.exit)[0] if rule.exit is not None else never,
            target=of.number(rule.target) if rule.target is not None else unknown,
            stop=of.number(rule.stop) if rule.stop is not None else unknown,
            reentry=of.condition(again)[0] if again is not None else never,
        )

    def following(self, name: str, begin: int, end: int) -> Floats:
        """Return `high` or `low`, adjusted, of the bars after those from `begin` to `end` - 1; NaN after the last bar."""
        found = np.full(end - begin, np.nan)
        known = self.calculation.bars.columns[name][begin + 1 : min(end + 1, len(self.history)), self.symbol]
        found[: len(known)] = known
        return found

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values of all parts of the rule that need no position, as text, because NaN does not equal itself."""
        return tuple(
            repr([bool(mask[j, self.symbol]) for mask in self.calculation.condition(part)])
            if part.condition
            else repr(float(self.calculation.number(part)[j, self.symbol]))
            for part in self.rule.parts
            if not part.of_position
        )
