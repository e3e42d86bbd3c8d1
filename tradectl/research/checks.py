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
    days_of_symbol,
    evenings,
    look_ahead,
    of_account,
    of_symbol,
)
from tradectl.backtest.portfolio import Portfolio
from tradectl.errors import DataError
from tradectl.marketdata.store import Store
from tradectl.model.money import Paise
from tradectl.ports import Tell
from tradectl.research.backtests import BacktestRequest, gathered
from tradectl.research.vectorized.engine import run_settings
from tradectl.research.vectorized.market import MarketTables
from tradectl.research.vectorized.record import LaneRecord
from tradectl.research.vectorized.strategy import Strategy

LOOKED_AT = 50
"""Symbols of a list that are run again where each has its own money: they do not touch each other."""


def checked(request: BacktestRequest, capital: Paise | None, sessions: int, tell: Tell) -> LookAheadReport:
    """So many evenings, made again with the market as it was then. `capital` of the account; None where each symbol has its own
    money, and some symbols answer for all."""
    if not sessions:
        return LookAheadReport(0, 0, ())
    engine: Engine[Store] = (
        OfAccount(request, capital) if capital is not None else OfEach(request) if request.many else OfSymbol(request)
    )
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
class OfSymbol(Cutting):
    """`gated`: one symbol."""

    caption: str = field(default="the backtest of one symbol", init=False)

    @cached_property
    def _whole(self) -> tuple[BacktestContext, Backtest]:
        found = self._run(self.request.market)
        if found is None:
            raise DataError(f"there is no bar of {self.request.name}")
        return found

    def _run(self, market: Store) -> tuple[BacktestContext, Backtest] | None:
        context = context_of(market, market.sessions, self.request.parameters, self.request.instruments[0])
        return (
            (context, gated(context, first=self.request.span.first, last=self.request.span.last)) if context is not None else None
        )

    def days(self) -> CheckDays:
        return days_of_symbol(*self._whole)

    def whole(self, session: date) -> Evening:
        return of_symbol(*self._whole, session)

    def again(self, market: Store, session: date) -> Evening:
        found = self._run(market)
        return of_symbol(*found, session) if found is not None else {}


@dataclass(frozen=True)
class OfEach(Cutting):
    """`run_settings`: many symbols, each with its own money."""

    @property
    def caption(self) -> str:
        chosen, every = len(self._names), len(self.request.instruments)
        return f"the backtest of a list ({f'{chosen} of its ' if chosen < every else ''}{every} symbols)"

    @cached_property
    def _names(self) -> tuple[str, ...]:
        names = self.request.instruments
        if len(names) <= LOOKED_AT:
            return names
        return tuple(sorted(np.random.default_rng(1).choice(names, LOOKED_AT, replace=False).tolist()))

    @cached_property
    def _whole(self) -> LaneRecord:
        found = self._run(self.request.market)
        if found is None:
            raise DataError(f"there is no bar of {self.request.name}")
        return found

    def _run(self, market: Store) -> LaneRecord | None:
        tables = MarketTables.gather(market, market.sessions, [name for name in self._names if market.history(name) is not None])
        if not tables.instruments:
            return None
        records: list[LaneRecord] = []

        def watch(strategy: Strategy) -> LaneRecord:
            records.append(LaneRecord(strategy))
            return records[-1]

        run_settings(tables, [self.request.parameters], first=self.request.span.first, last=self.request.span.last, watch=watch)
        return records[0]

    def days(self) -> CheckDays:
        return self._whole.days()

    def whole(self, session: date) -> Evening:
        return self._whole.evening(session)

    def again(self, market: Store, session: date) -> Evening:
        found = self._run(market)
        return found.evening(session) if found is not None else {}
