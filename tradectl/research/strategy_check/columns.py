"""Compare the columns of a rule on all bars with those on bars that end earlier, for the check for look-ahead.

A backtest shows a look-ahead only where it changes a trade. The columns show it on each bar, also of the exits, targets and
stops of positions that were bought on any day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from tradectl.backtest.candidates import context_of
from tradectl.backtest.look_ahead import CheckDays, Evening
from tradectl.errors import UsageError
from tradectl.marketdata.store import Store
from tradectl.model.history import Floats, History
from tradectl.research.backtests import BacktestRequest
from tradectl.research.look_ahead_checks import CutMarket, SymbolsEngine
from tradectl.strategy.column_rules import ColumnRules, HeldColumns
from tradectl.strategy.rule_set import Mask, PositionFacts

AGES = (0, 1, 5, 20)
"""The sessions since the buy of the positions whose columns are compared."""
BARS = 30
"""How many bars before the evening are compared."""
DIGITS = 9
"""The significant digits of a number that are compared: a sum over more bars may be rounded in another way."""


class TolerantEngine(SymbolsEngine):
    """Run symbols alone as the `Engine` of a check; a rule that fails on fewer bars read a bar that is not there."""

    def again(self, market: Store, session: date) -> Evening:
        """Return an evening of new runs. Raises IndexError if the rule fails, as a read of a missing bar does."""
        try:
            return super().again(market, session)
        except UsageError as error:
            raise IndexError(str(error)) from error


@dataclass(frozen=True)
class ColumnsEngine(CutMarket):
    """Calculate the columns of a rule up to an evening, as the `Engine` of a check. `names`: the symbols that are compared."""

    names: tuple[str, ...]
    days_drawn: CheckDays
    caption = "the columns of the rule"

    def days(self) -> CheckDays:
        """Return the days from which evenings are drawn."""
        return self.days_drawn

    @cached_property
    def _whole(self) -> dict[str, ColumnRules]:
        return rules_in(self.request, self.request.market, self.names)

    def whole(self, session: date) -> Evening:
        """Return an evening of the columns over all bars."""
        return _evening(self._whole, session)

    def again(self, market: Store, session: date) -> Evening:
        """Return an evening of columns on a market that `cut` returned. Raises IndexError if the rule fails on fewer bars."""
        try:
            return _evening(rules_in(self.request, market, self.names), session)
        except UsageError as error:
            raise IndexError(str(error)) from error


def rules_in(request: BacktestRequest, market: Store, names: Sequence[str]) -> dict[str, ColumnRules]:
    """Return the rules of symbols on the bars of a market."""
    make = request.make_rules(market, names)
    found = {}
    for name in names:
        context = context_of(market, market.sessions, request.parameters, name, make_rules=make)
        if context is not None and isinstance(context.rules, ColumnRules):
            found[name] = context.rules
    return found


def _evening(rules: dict[str, ColumnRules], session: date) -> Evening:
    """Return the columns of the last bars up to an evening, of each symbol with a bar of that session."""
    found = {}
    for name, one in rules.items():
        j = one.history.index(session)
        if j is not None:
            found[name] = _columns(one, one.history, j)
    return found


def _columns(rules: ColumnRules, history: History, j: int) -> dict[str, object]:
    """Return the columns up to bar `j` by part, as text, because NaN does not equal itself."""
    columns, begin = rules.columns, max(0, j + 1 - BARS)
    rows = slice(begin, j + 1)
    found: dict[str, object] = {"entry": _flags(columns.entry[rows])}
    for part, values in (("score", columns.score), ("size", columns.size)):
        if values is not None:
            found[part] = _numbers(values[rows])
    held = [item for age in AGES if age <= j for item in _held(rules, history, j - age, j)]
    for part in ("exit", "target", "stop", "reentry"):
        columns_held = [getattr(item, part) for item in held]
        found[part] = [_flags(item) if item.dtype == np.bool_ else _numbers(item) for item in columns_held]
    return found


def _held(rules: ColumnRules, history: History, entered: int, j: int) -> Iterator[HeldColumns]:
    """Yield the columns of a position that was bought once, and of one that was bought twice if the rule buys again."""
    paid = float(history.close[entered]) / 100 * float(history.multiplier[entered])
    for buys in range(1, 2 + min(1, rules.rule.reentries)):
        yield rules.columns.held(PositionFacts(paid, entered, buys), entered, j + 1)


def _flags(mask: Mask) -> str:
    return "".join("1" if item else "0" for item in np.asarray(mask).tolist())


def _numbers(values: Floats) -> str:
    return " ".join(f"{item:.{DIGITS}g}" for item in np.asarray(values).tolist())
