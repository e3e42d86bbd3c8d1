"""Make the rules of each symbol from an own rule, on the bars of one market, and backtest symbols with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from tradectl.backtest.candidates import context_of
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.backtest.symbol_run import Backtest
from tradectl.errors import DataError, UsageError
from tradectl.marketdata.store import Store
from tradectl.model.history import History
from tradectl.ports import MarketData
from tradectl.research.line_engine.engine import run_line_rule, runs_in_arrays
from tradectl.research.line_engine.results import backtests_of
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
        return self.of(history)

    def of(self, history: History) -> ColumnRules:
        """Return the rules of one symbol, which need no features."""
        number = self.block_of[history.instrument_id]
        if number != self._known[0]:
            found = (self.market.history(name) for name in self.blocks[number])
            self._known = number, rules_of(self.rule, [one for one in found if one is not None])
        rules = self._known[1].get(history.instrument_id)
        if rules is None or len(rules.history) != len(history):
            raise DataError(f"the bars of {history.instrument_id} changed while the rule was calculated; start again")
        return rules


def line_contexts(
    market: Store, book: RuleBook, parameters: Parameters, instruments: Sequence[str]
) -> Iterator[list[BacktestContext]]:
    """Yield the contexts of the instruments that have bars, block by block of the book. Their features are not computed."""
    chosen = set(instruments)
    for block in book.blocks:
        found = []
        for name in block:
            context = context_of(market, market.sessions, parameters, name, make_rules=book) if name in chosen else None
            if context is not None:
                found.append(replace(context, made_rules=book.of(context.history)))
        if found:
            yield found


def run_lines(market: Store, book: RuleBook, contexts: Sequence[BacktestContext], span: tuple[date, date]) -> list[Backtest]:
    """Return the backtest of each context of one block, from `span[0]` to `span[1]`: as `gated`, but many symbols at once."""
    known = all(context.minute_sessions is not None for context in contexts)
    if not contexts or not known or not runs_in_arrays(book.rule, contexts[0].parameters):
        return [gated(context, first=span[0], last=span[1]) for context in contexts]
    terms, rules = market.terms(), [book.of(context.history) for context in contexts]
    return backtests_of(run_line_rule(contexts, rules, span, terms), span, terms)


def check_settings(rule: Rule | None, changes: dict[str, str]) -> None:
    """Raise UsageError for a changed setting that an own rule does not read."""
    idle = next((name for name in changes if name in OF_REVERSION), None) if rule is not None else None
    if idle is not None:
        raise UsageError(f"--set {idle}: this setting belongs to ema9-reversion; it has no effect on another rule")
