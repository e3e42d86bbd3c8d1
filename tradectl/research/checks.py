"""Whether a backtest knew the future: the engine that made its trades is run again on markets that end earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np

from tradectl import bootstrap
from tradectl.backtest.candidates import Candidate, context_of
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import Backtest, gated
from tradectl.backtest.look_ahead import (
    CheckDays,
    Engine,
    Evening,
    LookAheadReport,
    days_of_account,
    days_of_symbols,
    evenings,
    look_ahead,
    of_account,
    of_symbols,
)
from tradectl.backtest.portfolio import Portfolio
from tradectl.marketdata.store import Store
from tradectl.model.money import Paise
from tradectl.ports import Tell
from tradectl.research.backtests import BacktestRequest, gathered

LOOKED_AT = 50
"""Symbols of a list that are run again where each has its own money: they do not touch each other."""


def checked(request: BacktestRequest, capital: Paise | None, sessions: int, tell: Tell) -> LookAheadReport:
    """So many evenings, made again with the market as it was then. `capital` of the account; None where each symbol has its own
    money, and some symbols answer for all."""
    if not sessions:
        return LookAheadReport(0, 0, ())
    engine: Engine[Store] = OfAccount(request, capital) if capital is not None else OfSymbols(request)
    return look_ahead(engine, evenings(engine.days(), request.evenings, sessions, seed=1), tell)


@dataclass(frozen=True)
class Cutting:
    """Opens the market of `request` as it was known on an evening."""

    request: BacktestRequest

    def cut(self, session: date) -> Store:
        return bootstrap.open_store(self.request.settings, through=session)


@dataclass(frozen=True)
class OfAccount(Cutting):
    """`Portfolio`: many symbols in one account."""

    capital: Paise
    caption: str = field(default="the account", init=False)

    @cached_property
    def _whole(self) -> Portfolio:
        return self._account(self.request.candidates())

    def _account(self, candidates: Sequence[Candidate]) -> Portfolio:
        return Portfolio(candidates, self.request.span, self.capital)

    def days(self) -> CheckDays:
        return days_of_account(self.request.candidates())

    def whole(self, session: date) -> Evening:
        self._whole.through(session)
        return of_account(self._whole, session)

    def again(self, market: Store, session: date) -> Evening:
        candidates = gathered(market, self.request.parameters, self.request.instruments, self.request.span)
        if not candidates:
            return {}
        account = self._account(candidates)
        account.through(session)
        return of_account(account, session)


@dataclass(frozen=True)
class OfSymbols(Cutting):
    """`gated`: one symbol, or many symbols, each with money of its own."""

    @property
    def caption(self) -> str:
        """What was run again; of a long list only some symbols."""
        if not self.request.many:
            return "the backtest of one symbol"
        chosen, every = len(self._names), len(self.request.instruments)
        return f"the backtest of a list ({f'{chosen} of its ' if chosen < every else ''}{every} symbols)"

    @cached_property
    def _names(self) -> tuple[str, ...]:
        names = self.request.instruments
        if len(names) <= LOOKED_AT:
            return names
        return tuple(sorted(np.random.default_rng(1).choice(names, LOOKED_AT, replace=False).tolist()))

    @cached_property
    def _whole(self) -> list[tuple[BacktestContext, Backtest]]:
        return self._run(self.request.market)

    def _run(self, market: Store) -> list[tuple[BacktestContext, Backtest]]:
        """Return the run of each symbol that has bars in a market."""
        span, parameters = self.request.span, self.request.parameters
        contexts = (context_of(market, market.sessions, parameters, name) for name in self._names)
        return [(known, gated(known, first=span.first, last=span.last)) for known in contexts if known is not None]

    def days(self) -> CheckDays:
        """Return the days of all these symbols."""
        return days_of_symbols(self._whole)

    def whole(self, session: date) -> Evening:
        """Return what the runs over all bars had done by an evening."""
        return of_symbols(self._whole, session)

    def again(self, market: Store, session: date) -> Evening:
        """Return what runs over the bars up to an evening did."""
        return of_symbols(self._run(market), session)
