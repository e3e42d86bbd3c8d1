"""Decide by the columns of an own rule: what it holds true, or at which price it sells, on each bar of a symbol.

The columns come from expressions (`expressions.line_rule`) or from a class in Python (`python_rule`). They are calculated for
blocks of bars, because those of a position depend on what was paid and on the bar of the buy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

from msgspec import Struct

from tradectl.model.history import Floats, History
from tradectl.strategy.rule_set import FUNDS, NO_TARGET, SHARES, HeldBuys, Mask, PositionFacts, SessionLevels

BLOCK = 32
"""Number of bars for which the columns of a position are calculated at once."""
NOISE = 1e-9
"""Rounding errors of floats that are ignored, as a part of a tick."""
SECURITIES: Mapping[str, tuple[str, ...]] = {"shares": SHARES, "funds": FUNDS, "shares and funds": (*SHARES, *FUNDS)}
"""What a rule may buy, by the word of its file: the first letters of the ISINs."""


class HeldColumns(Struct, frozen=True):
    """Hold the columns of a position on some bars.

    Attributes:
        exit: Where the shares are sold at the next open.
        target: The price of the resting sell in the next session, in adjusted rupees; NaN for none.
        stop: The price at or below which the shares are sold in the next session; NaN if unknown.
        reentry: Where the shares are bought again.
    """

    exit: Mask
    target: Floats
    stop: Floats
    reentry: Mask


class SymbolColumns(Protocol):
    """The columns of a rule for one symbol. Each value depends on its bar and on earlier bars only."""

    @property
    def entry(self) -> Mask:
        """Return where the entry condition is true."""

    @property
    def score(self) -> Floats | None:
        """Return the score of each bar; None without a score."""

    @property
    def size(self) -> Floats | None:
        """Return the part of `capital_per_trade` for a buy on each bar; None for all of it."""

    def held(self, facts: PositionFacts, begin: int, end: int) -> HeldColumns:
        """Return the columns of a position on the bars `begin` to `end` - 1."""

    def following(self, name: str, begin: int, end: int) -> Floats:
        """Return `high` or `low`, adjusted, of the bars after those from `begin` to `end` - 1; NaN after the last bar."""

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values on a bar that need no position."""


class Rule(Protocol):
    """An own rule, without the bars of a symbol."""

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Return the parts that the rule has, each with what a person wrote."""

    @property
    def across(self) -> bool:
        """Return whether the rule compares the symbols of a list."""

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""

    @property
    def targets(self) -> bool:
        """Return whether the rule has a target."""

    @property
    def reentries(self) -> int:
        """Return how often a position may be bought again."""

    @property
    def securities(self) -> str:
        """Return what the rule may buy, a key of `SECURITIES`."""

    def columns(self, histories: Sequence[History]) -> Sequence[SymbolColumns]:
        """Return the columns of some symbols, in their order."""


class _Decisions(Struct, frozen=True):
    """The decisions of a position on the bars of a block. Levels are in adjusted rupees; NaN if unknown.

    `events`: whether the session after a bar may sell, may buy again, or has an unknown stop.
    """

    exits: list[bool]
    targets: list[float]
    stops: list[float]
    reentries: list[bool]
    events: list[bool]


class ColumnRules:
    """Decide for one symbol by the columns of an own rule. The methods are those of `RuleSet`."""

    scored = False

    def __init__(self, rule: Rule, columns: SymbolColumns, history: History) -> None:
        self.rule, self.columns, self.history = rule, columns, history
        self.isins = SECURITIES[rule.securities]
        self._known: tuple[PositionFacts, dict[int, _Decisions]] = (PositionFacts(0.0, -1), {})

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""
        return self.rule.stops

    @cached_property
    def entries(self) -> Mask:
        """Return the bars on whose close the entry condition is true."""
        return self.columns.entry

    def score(self, j: int) -> float | None:
        """Return the score on the close of bar `j`; None without a score, NaN if it is unknown."""
        found = self.columns.score
        return None if found is None else float(found[j])

    def size(self, j: int) -> float | None:
        """Return the part of `capital_per_trade` for a buy on the close of bar `j`; None for all of it, 0 if it is unknown."""
        found = self.columns.size
        if found is None:
            return None
        part = float(found[j])
        return 0.0 if math.isnan(part) else part

    def entry_level(self, j: int) -> int:  # noqa: ARG002 - RuleSet
        """Return 1: the levels of an own rule number its buys."""
        return 1

    def reentry_level(self, held: HeldBuys, j: int) -> int:
        """Return the number of the next buy if its condition is true on the close of bar `j`; 0 for no re-entry.

        Nothing is bought while a sale is due since an earlier close.
        """
        if not 0 < held.buys <= self.rule.reentries or not self._decided(held, j).reentries[j % BLOCK]:
            return 0
        return held.buys + 1 if self.exit_decided(held, j) in {None, j} else 0

    def reward_gone(self, decided: int, last: int, scale: float, opened: int, limit: int) -> bool:  # noqa: ARG002 - RuleSet
        """Return whether the buy would fill at or above its target."""
        if not self.rule.targets:
            return False
        price = min(opened, limit)
        held = HeldBuys(buys=1, entered=last + 1, price=price / 100 * scale)
        return self._decided(held, last).targets[last % BLOCK] * 100 / scale <= price + NOISE

    def exit_due(self, held: HeldBuys, last: int) -> bool:
        """Return whether the shares must be sold at the open after a bar."""
        return self.exit_decided(held, last) is not None

    def exit_decided(self, held: HeldBuys, last: int) -> int | None:
        """Return the latest bar up to `last` on whose close the exit condition is true; None if there is none since the last buy.

        A sale stays due until all shares are sold: the monitor may have missed a session, or some shares were not credited yet.
        """
        row, first = last, max(held.entered, held.decided + 1)
        while row >= first:
            begin = max(first, row - row % BLOCK)
            exits = self._decided(held, row).exits[begin % BLOCK : row % BLOCK + 1]
            if True in exits:
                return row - exits[::-1].index(True)
            row = begin - 1
        return None

    def levels(self, held: HeldBuys, last: int, scale: float, tick: int) -> SessionLevels:
        """Return the target, rounded up to the tick, and the stop, rounded down. Unknown levels are left out.

        A stop of 0 is known, and no price falls to it.
        """
        decided, factor = self._decided(held, last), 100 / scale
        target, stop = decided.targets[last % BLOCK] * factor / tick, decided.stops[last % BLOCK] * factor / tick
        least = NO_TARGET if math.isnan(target) else max(1, math.ceil(target - NOISE)) * tick
        most = None if math.isnan(stop) else max(0, math.floor(stop + NOISE)) * tick
        return SessionLevels(0.0, least, most)

    def _decided(self, held: HeldBuys, bar: int) -> _Decisions:
        """Return the decisions of the block in which a bar lies. They stay the same while the position does."""
        facts = PositionFacts(held.price, held.entered, held.buys)
        if self._known[0] != facts:
            self._known = facts, {}
        blocks = self._known[1]
        number = bar // BLOCK
        if number not in blocks:
            begin, end = number * BLOCK, min((number + 1) * BLOCK, len(self.history))
            found = self.columns.held(facts, begin, end)
            events = found.exit | (self.columns.following("high", begin, end) >= found.target * (1 - NOISE))
            if self.rule.stops:
                events |= ~(self.columns.following("low", begin, end) > found.stop * (1 + NOISE))
            if self.rule.reentries:
                events[:-1] |= found.reentry[1:]
                events[-1] = True  # the next block is calculated when it is reached
            blocks[number] = _Decisions(
                found.exit.tolist(), found.target.tolist(), found.stop.tolist(), found.reentry.tolist(), events.tolist()
            )
        return blocks[number]

    def prepare(self, held: HeldBuys, bar: int) -> None:
        """Calculate the decisions of a bar now, so that an error of a rule in Python is raised here. Raises UsageError."""
        self._decided(held, bar)

    def next_event(self, held: HeldBuys, j: int) -> int:
        """Return the first bar from `j` on whose session may sell or buy again, or has an unknown stop."""
        if self.exit_due(held, j - 1):
            return j
        row, end = j - 1, len(self.history) - 1
        while row < end:
            events = self._decided(held, row).events
            if True in events[row % BLOCK :]:
                return row - row % BLOCK + events.index(True, row % BLOCK) + 1
            row += BLOCK - row % BLOCK
        return end + 1

    def seen(self, j: int) -> tuple[object, ...]:
        """Return the values of all parts of the rule that need no position."""
        return self.columns.seen(j)


def rules_of(rule: Rule, histories: Sequence[History]) -> dict[str, ColumnRules]:
    """Return the rules of some symbols by instrument id. Their bars are calculated together, and shared."""
    found = rule.columns(histories)
    return {history.instrument_id: ColumnRules(rule, columns, history) for history, columns in zip(histories, found, strict=True)}
