"""Run the three kinds of backtest: one symbol, many symbols without a shared account, and many symbols in one account.

Each function returns a JSON result. `look_ahead_checks` runs backtests again on fewer bars to find look-ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from msgspec import Struct

from tradectl.backtest.candidates import Candidate, candidate_of, context_of
from tradectl.backtest.context import BacktestContext, Span
from tradectl.backtest.engine import gated
from tradectl.backtest.portfolio import Portfolio
from tradectl.backtest.symbol_run import Backtest
from tradectl.errors import DataError, UsageError
from tradectl.marketdata.store import Store
from tradectl.model.history import History
from tradectl.model.money import Paise
from tradectl.ports import MarketData, Tell, silence
from tradectl.research.benchmark import BuyAndHold, RandomOrders, buy_and_hold, random_orders
from tradectl.research.reports import backtest, portfolio
from tradectl.research.reports.backtest import SymbolResult
from tradectl.research.rule_books import RuleBook, line_contexts, run_lines
from tradectl.settings import Settings
from tradectl.strategy.column_rules import Rule
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reversion import Reversion
from tradectl.strategy.rule_set import RuleMaker

Alone = Sequence[tuple[BacktestContext, Backtest]]
"""The data and the run of each symbol that is backtested with its own money."""


@dataclass(frozen=True)
class BacktestRequest:
    """Describe a backtest.

    Attributes:
        name: The list or symbol as the user wrote it.
        instruments: Its instrument ids, sorted, all with bars.
        span: Dates within the bars.
        rule: An own rule; None for the rule ema9-reversion.
    """

    settings: Settings
    market: Store
    name: str
    instruments: tuple[str, ...]
    parameters: Parameters
    span: Span
    many: bool = True
    """Whether `name` is a list, even a list of one symbol."""

    rule: Rule | None = None
    known: list[Candidate] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError if the rule compares symbols and there is no list."""
        if self.rule is not None and self.rule.across and not self.many:
            raise UsageError(f"rank compares the symbols of a list, and {self.name} is one symbol; write a list such as nifty50")

    def make_rules(self, market: Store, instruments: Sequence[str]) -> RuleMaker:
        """Return the maker of the rules of some instruments on the bars of a market, read in their order."""
        if self.rule is None:
            return Reversion
        return RuleBook(self.rule, market, self.instruments if self.rule.across else instruments)

    def runs(self, market: Store, instruments: Sequence[str], tell: Tell = silence) -> Alone:
        """Return the data and the backtest of each of the instruments that has bars in a market, each with its own money."""
        found = list[tuple[BacktestContext, Backtest]]()
        rules = self.make_rules(market, instruments)
        if isinstance(rules, RuleBook):
            for contexts in line_contexts(market, rules, self.parameters, instruments):
                done = run_lines(market, rules, contexts, (self.span.first, self.span.last))
                found += zip(contexts, done, strict=True)
                tell(contexts[-1].history.instrument_id, len(found), len(instruments))
            return found
        for number, name in enumerate(instruments, 1):
            context = context_of(market, market.sessions, self.parameters, name, make_rules=rules)
            if context is not None:
                found.append((context, gated(context, first=self.span.first, last=self.span.last)))
            tell(name, number, len(instruments))
        return found

    def candidates(self, tell: Tell = silence) -> list[Candidate]:
        """Return the candidates with their signals. They are computed once."""
        if not self.known:
            self.known.extend(self.candidates_in(self.market, tell))
        return self.known

    def candidates_in(self, market: Store, tell: Tell = silence) -> list[Candidate]:
        """Return the candidates of the instruments that have bars in a market."""
        rules = self.make_rules(market, self.instruments)
        return candidates_of(market, self.parameters, self.instruments, self.span, tell, make_rules=rules)

    @property
    def evenings(self) -> list[date]:
        """Return the dates of all run sessions except the last, whose decisions would be for a session after the span."""
        return [session.date for session in self.market.sessions.run_between(self.span.first, self.span.last)[:-1]]


def span_of(market: Store, instruments: Sequence[str], first: date | None, last: date | None) -> Span:
    """Return the span of a backtest: by default from the first bar of any instrument to the last stored session.

    Raises UsageError for dates out of order, before the session table, or without a run session, and DataError without bars.
    """
    newest = market.last_session()
    begins = [history.session(0) for name in instruments if (history := market.history(name)) is not None]
    if newest is None or not begins:
        raise DataError("no bars are stored; import some with `tradectl data import`")
    known_from = market.sessions.first
    if first is not None and min(begins) <= first < known_from:
        raise UsageError(
            f"--from {first}: sessions, tick sizes and charges are known only from {known_from} on; use that date or a later one"
        )
    span = Span(max(first or min(begins), known_from), min(last or newest, newest))
    if last is not None and first is not None and last < first:
        raise UsageError(f"--to {last} is before --from {first}")
    if span.last < span.first:
        period = f"{f' from {first}' if first else ''}{f' to {last}' if last else ''}"
        raise DataError(f"there are no bars{period}: stored bars go from {min(begins)} to {newest}")
    if not market.sessions.run_between(span.first, span.last):
        raise UsageError(f"there is no run session from {span.first} to {span.last}")
    return span


def candidates_of(
    market: Store,
    parameters: Parameters,
    instruments: Sequence[str],
    span: Span,
    tell: Tell = silence,
    *,
    make_rules: RuleMaker = Reversion,
) -> list[Candidate]:
    """Return the candidates of the instruments that have bars in this market."""
    found = []
    for number, name in enumerate(instruments, 1):
        one = candidate_of(market, market.sessions, parameters, name, span, make_rules=make_rules)
        if one is not None:
            found.append(one)
        tell(name, number, len(instruments))
    return found


def result_alone(request: BacktestRequest, runs: Alone) -> dict[str, Any]:
    """Return the JSON result of symbols with separate money, without a limit of funds."""
    tested = [SymbolResult.of(context, done, request.span.last) for context, done in runs]
    if request.many:
        return backtest.result(request.name, tested, request.span.first, request.span.last)
    return backtest.result_of_symbol(tested[0], request.span)


def run_alone(request: BacktestRequest, tell: Tell = silence) -> Alone:
    """Backtest each symbol alone; return its data and its run. Raises DataError if a symbol has no bar."""
    found = request.runs(request.market, request.instruments, tell)
    if len(found) < len(request.instruments):
        raise DataError(f"no bars of {request.name} are stored; import some with `tradectl data import`")
    return found


class AccountRequest(Struct, frozen=True):
    """Describe the account of a backtest.

    Attributes:
        capital: Paise.
        index: Symbol of the index to compare with; empty for the index of the list.
        orders: Number of random orders (permutations) of the candidates to run. These are not broker orders.
        seed: Seed of their random generator.
    """

    capital: Paise
    index: str = ""
    orders: int = 0
    seed: int = 1


class AccountRun(Struct, frozen=True):
    """Hold a finished account, and what the same money would have earned elsewhere.

    `benchmarks`: buy and hold of the symbols (`hold`) and of the index (`index`); None without bars. `drawn`: None without random
    orders.
    """

    own: Portfolio
    benchmarks: dict[str, BuyAndHold | None]
    drawn: RandomOrders | None


def run_account(request: BacktestRequest, account: AccountRequest, tell: Tell) -> AccountRun:
    """Run many symbols in one account. Raises UsageError or DataError for an unusable index."""
    sessions = [session.date for session in request.market.sessions.run_between(request.span.first, request.span.last)]
    index = index_of(request.market, request.name, sessions, account.index)
    candidates = request.candidates(tell)
    own = Portfolio(candidates, request.span, account.capital)
    own.run(tell)
    drawn = (
        random_orders(candidates, request.span, own, count=account.orders, seed=account.seed, tell=tell)
        if account.orders
        else None
    )
    held = [(item.context.history, item.context.actions) for item in candidates]
    hold = buy_and_hold(held, sessions, account.capital)
    of_index = buy_and_hold([(index[1], ())], sessions, account.capital, index[0]) if index is not None else None
    return AccountRun(own, {"hold": hold, "index": of_index}, drawn)


def account_result(request: BacktestRequest, run: AccountRun) -> dict[str, Any]:
    """Return the JSON result of a finished account."""
    return portfolio.result(request.name, run.own, run.benchmarks, run.drawn)


def index_of(market: MarketData, universe: str, sessions: Sequence[date], name: str = "") -> tuple[str, History] | None:
    """Return the symbol and the history of an index with bars on the first and the last session; None without one.

    An empty `name` means the index of the list `universe`. Raises UsageError if the index `name` is unknown, DataError if it
    lacks these bars.
    """
    number = universe.lower().removeprefix("nifty")
    usual = [f"NIFTY {number}", f"NIFTY{number}"] if number.isdigit() else []
    for symbol in [name] if name else usual:
        try:
            history = market.history(market.find(symbol, sessions[-1]))
        except UsageError:
            if name:
                raise
            continue
        if history is not None and None not in {history.index(sessions[0]), history.index(sessions[-1])}:
            return symbol, history
    if name:
        raise DataError(f"the bars of {name} do not cover {sessions[0]} to {sessions[-1]}")
    return None
