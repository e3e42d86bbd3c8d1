"""Make the rules of an open position of an own strategy: the text that opened it, on the bars that are known at a close.

The text comes from the ledger by its hash, so a position keeps its rules whatever happens to the file. The facts of the position
come from its fills in the way in which a backtest counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from msgspec import Struct

from tradectl.errors import TradectlError
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Position
from tradectl.ledger.strategies import Strategies
from tradectl.model.history import History
from tradectl.model.order import Side
from tradectl.model.rule_names import REVERSION
from tradectl.ports import MarketData
from tradectl.strategy.column_rules import ColumnRules, Rule, rules_of
from tradectl.strategy.rule_set import HeldBuys, SessionLevels

HistoryOf = Callable[[str], History | None]
"""Return the bars of an instrument up to the close that decides; None without bars."""


class HeldRules(Struct, frozen=True):
    """The rules of a position on the close of bar `last`. `held`: the buys of the position that count at that close."""

    strategy: str
    rules: ColumnRules
    held: HeldBuys
    last: int

    @property
    def decided(self) -> date:
        """Return the session whose close decides."""
        return self.rules.history.session(self.last)

    @property
    def stops(self) -> bool:
        """Return whether the rule has a stop."""
        return self.rules.stops

    @property
    def targets(self) -> bool:
        """Return whether the rule has a target."""
        return self.rules.rule.targets

    @property
    def exit_text(self) -> str:
        """Return the condition that requires the sale, with its session if that is not the one that decides; empty for none."""
        bar = self.rules.exit_decided(self.held, self.last)
        if bar is None:
            return ""
        late = f", true on the close of {self.rules.history.session(bar)}" if bar != self.last else ""
        return (self.text("exit") or "max_days") + late

    @property
    def reentry_level(self) -> int:
        """Return the number of the buy that the close requires; 0 for none."""
        return self.rules.reentry_level(self.held, self.last)

    def levels(self, scale: float, tick: int) -> SessionLevels:
        """Return the sell prices (paise) of the session after the close. `scale`: M of that session."""
        return self.rules.levels(self.held, self.last, scale, tick)

    def text(self, part: str) -> str:
        """Return what a person wrote for a part of the rule, such as `exit`; empty if the rule does not have it."""
        return dict(self.rules.rule.texts).get(part, "")


class RulesMissing(Struct, frozen=True):
    """Why the rules of a position cannot be calculated. `text_missing`: the ledger does not have a readable text of them."""

    reason: str
    text_missing: bool = False


def has_own_rules(position: Position) -> bool:
    """Return whether an own strategy opened a position."""
    return position.strategy != REVERSION


@dataclass(frozen=True)
class PositionRules:
    """Make the rules of the positions of one user. One object serves the steps of a run.

    `universe`: the list of symbols of the user, for a strategy that names none.
    """

    book: Book
    strategies: Strategies
    market: MarketData
    universe: str
    _texts: dict[str, tuple[Rule, str] | RulesMissing] = field(default_factory=dict, repr=False, compare=False)
    _compared: dict[tuple[str, int], dict[str, ColumnRules]] = field(default_factory=dict, repr=False, compare=False)

    def of(
        self, position: Position, history_of: HistoryOf, *, scale: float, day: date, before: date | None = None
    ) -> HeldRules | RulesMissing:
        """Return the rules of a position on the last bar of its history.

        Args:
            history_of: The bars up to the close that decides.
            scale: M of `day`, on which shares may have been bought that have no bar yet.
            day: The session of the decision.
            before: Count the buys before this session, if there are any; None: count all.
        """
        found = self.rule_of(position)
        if isinstance(found, RulesMissing):
            return found
        rule, universe = found
        history = history_of(position.instrument_id)
        if history is None or not len(history):
            return RulesMissing("there are no bars of it")
        fills = [row for row in self.book.fills_of(position.id) if row.side == Side.BUY]
        earlier = [row for row in fills if before is not None and row.session_date < before]
        held = _held_buys(position, earlier or fills, history, scale=scale, day=day, market=self.market)
        try:
            rules = self._rules(position, rule, universe, history, history_of)
            rules.prepare(held, len(history) - 1)
        except TradectlError as error:
            return RulesMissing(f"the rules of {position.strategy} cannot be calculated: {error}")
        return HeldRules(position.strategy, rules, held, len(history) - 1)

    def rule_of(self, position: Position) -> tuple[Rule, str] | RulesMissing:
        """Return the rule that opened a position, from the stored text, and the list whose symbols it may compare."""
        key = position.strategy_hash
        if key not in self._texts:
            self._texts[key] = self._read(position)
        return self._texts[key]

    def has_stop(self, position: Position) -> bool:
        """Return whether a position's rule has a stop; False where the rule cannot be read."""
        found = self.rule_of(position)
        return not isinstance(found, RulesMissing) and found[0].stops

    def compared(self, position: Position) -> tuple[str, ...]:
        """Return the instruments whose bars a position's rule compares with its own; empty if it compares none."""
        found = self.rule_of(position)
        if isinstance(found, RulesMissing) or not found[0].across:
            return ()
        return self.market.universe(found[1])

    def _read(self, position: Position) -> tuple[Rule, str] | RulesMissing:
        stored = self.strategies.stored(position.strategy_hash) if position.strategy_hash else None
        if stored is None:
            name, short = position.strategy, position.strategy_hash[:12] or "none"
            return RulesMissing(f"the ledger has no text of the strategy {name} (hash {short})", text_missing=True)
        from tradectl.execution.own_strategies import own_strategy  # a day of the shipped rule does not need it

        try:
            own = own_strategy(stored.name, stored.form, stored.text)
            return own.rule, own.strategy.universe or self.universe
        except TradectlError as error:
            return RulesMissing(f"the stored text of the strategy {position.strategy} cannot be read: {error}", text_missing=True)

    def _rules(self, position: Position, rule: Rule, universe: str, history: History, history_of: HistoryOf) -> ColumnRules:
        if not rule.across:
            return rules_of(rule, [history])[position.instrument_id]
        key = position.strategy_hash, int(history.sessions[-1])
        if position.instrument_id not in self._compared.get(key, ()):
            names = dict.fromkeys([*self.market.universe(universe), position.instrument_id])
            histories = [found for name in names if (found := history_of(name)) is not None and len(found)]
            self._compared[key] = rules_of(rule, histories)
        return self._compared[key][position.instrument_id]


def _held_buys(
    position: Position, fills: Sequence[Any], history: History, *, scale: float, day: date, market: MarketData
) -> HeldBuys:
    """Return the buys of a position as a backtest counts them: an average of adjusted prices, weighted by adjusted shares.

    `fills`: rows of its buys, by time.
    """
    price, shares, count = 0.0, 0.0, 0
    for multiplier, quantity, paid in _orders(fills, history, scale=scale, day=day, market=market):
        bought, adjusted = quantity / multiplier, paid / 100 * multiplier
        price = adjusted if not count else (price * shares + adjusted * bought) / (shares + bought)
        shares, count = shares + bought, count + 1
    if not count:
        price, shares, count = position.cost / position.quantity / 100 * scale, position.quantity / scale, position.buys
    entered, last = history.index(position.opened_session), fills[-1].session_date if fills else position.opened_session
    return HeldBuys(
        buys=count,
        level=position.level,
        decided=max(0, history.last_index(last - timedelta(days=1))),
        entered=history.last_index(position.opened_session) + 1 if entered is None else entered,
        price=price,
        shares=shares,
    )


def _orders(
    fills: Sequence[Any], history: History, *, scale: float, day: date, market: MarketData
) -> Iterable[tuple[float, int, float]]:
    """Yield for each order that bought: the multiplier of its session, its filled shares, and their average price in paise."""
    first: dict[int | None, int] = {}
    for number, row in enumerate(fills):
        first.setdefault(row.order_id, number)
    for _, group in groupby(sorted(fills, key=lambda row: first[row.order_id]), key=lambda row: row.order_id):
        rows = list(group)
        session, quantity = rows[0].session_date, sum(row.quantity for row in rows)
        index = history.index(session)
        if index is not None:
            multiplier = float(history.multiplier[index])
        elif session == day:
            multiplier = scale
        else:
            multiplier = market.multiplier(history.instrument_id, session, rows[0].price) or scale
        yield multiplier, quantity, sum(row.quantity * row.price for row in rows) / quantity
