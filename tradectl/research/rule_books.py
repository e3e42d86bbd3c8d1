"""Make the rules of each symbol from an own rule, on the bars of one market."""

from __future__ import annotations

from collections.abc import Sequence

from tradectl.errors import DataError, UsageError
from tradectl.model.history import History
from tradectl.ports import MarketData
from tradectl.strategy.column_rules import ColumnRules, Rule, rules_of
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import OF_REVERSION, Parameters

BLOCK = 200
"""Number of symbols that are calculated together. A rule that compares the symbols of a list needs all of them at once."""


class RuleBook:
    """Make the rules of the symbols of a list. It is a `RuleMaker`.

    Args:
        rule: The own rule.
        market: The bars.
        instruments: The instrument ids of the list, in the order in which their rules are read.
    """

    def __init__(self, rule: Rule, market: MarketData, instruments: Sequence[str]) -> None:
        self.rule, self.market = rule, market
        size = max(1, len(instruments)) if rule.across else BLOCK
        self.blocks = [tuple(instruments[i : i + size]) for i in range(0, len(instruments), size)]
        self.block_of = {name: number for number, block in enumerate(self.blocks) for name in block}
        self._known: tuple[int, dict[str, ColumnRules]] = (-1, {})

    def __call__(self, history: History, features: Features, parameters: Parameters) -> ColumnRules:  # noqa: ARG002 - RuleMaker
        """Return the rules of one symbol. The last block of symbols is kept."""
        number = self.block_of[history.instrument_id]
        if number != self._known[0]:
            found = (self.market.history(name) for name in self.blocks[number])
            self._known = number, rules_of(self.rule, [one for one in found if one is not None])
        rules = self._known[1].get(history.instrument_id)
        if rules is None or len(rules.history) != len(history):
            raise DataError(f"the bars of {history.instrument_id} changed while the rule was calculated; start again")
        return rules


def check_settings(rule: Rule | None, changes: dict[str, str]) -> None:
    """Raise UsageError for a changed setting that an own rule does not read."""
    idle = next((name for name in changes if name in OF_REVERSION), None) if rule is not None else None
    if idle is not None:
        raise UsageError(f"--set {idle}: this setting belongs to ema9-reversion; it has no effect on another rule")
