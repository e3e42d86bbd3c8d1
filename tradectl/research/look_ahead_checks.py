"""Check a backtest for look-ahead: run the same engine again on markets whose bars end earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np

from tradectl import bootstrap
from tradectl.backtest.candidates import Candidate
from tradectl.backtest.look_ahead import (
    CheckDays,
    Engine,
    Evening,
    LookAheadReport,
    account_days,
    account_evening,
    evenings,
    look_ahead,
    symbols_days,
    symbols_evening,
)
from tradectl.backtest.portfolio import Portfolio
from tradectl.marketdata.store import Store
from tradectl.model.money import Paise
from tradectl.ports import Tell
from tradectl.research.backtests import Alone, BacktestRequest

LOOKED_AT = 50
"""Maximum number of symbols of a list that are run again; each symbol is independent of the others."""


def check_look_ahead(request: BacktestRequest, capital: Paise | None, sessions: int, tell: Tell) -> LookAheadReport:
    """Return the report of a check. `sessions`: number of evenings; 0 for no check.

    `capital`: of the account in paise; None if each symbol has separate money.
    """
    if not sessions:
        return LookAheadReport(0, 0, ())
    engine: Engine[Store] = AccountEngine(request, capital) if capital is not None else SymbolsEngine(request)
    return look_ahead(engine, evenings(engine.days(), request.evenings, sessions, seed=1), tell)


@dataclass(frozen=True)
class CutMarket:
    """Open the market of a request with only the bars up to an evening."""

    request: BacktestRequest

    def cut(self, session: date) -> Store:
        """Return the market with the bars up to a session."""
        return bootstrap.open_store(self.request.settings, through=session)


@dataclass(frozen=True)
class AccountEngine(CutMarket):
    """Run many symbols in one account (`Portfolio`), as the `Engine` of a check."""

    capital: Paise
    caption: str = field(default="the account", init=False)

    @cached_property
    def _whole(self) -> Portfolio:
        return self._account(self.request.candidates())

    def _account(self, candidates: Sequence[Candidate]) -> Portfolio:
        return Portfolio(candidates, self.request.span, self.capital)

    def days(self) -> CheckDays:
        """Return the days from which evenings are drawn."""
        return account_days(self.request.candidates())

    def whole(self, session: date) -> Evening:
        """Return an evening of the account that runs over all bars."""
        self._whole.through(session)
        return account_evening(self._whole, session)

    def again(self, market: Store, session: date) -> Evening:
        """Return an evening of a new account on a market that `cut` returned."""
        candidates = self.request.candidates_in(market)
        if not candidates:
            return {}
        account = self._account(candidates)
        account.through(session)
        return account_evening(account, session)


@dataclass(frozen=True)
class SymbolsEngine(CutMarket):
    """Run one symbol, or many symbols each with separate money (`gated`), as the `Engine` of a check."""

    @property
    def caption(self) -> str:
        """Return the name of the engine, with the number of symbols that are run again."""
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
    def _whole(self) -> Alone:
        return self.request.runs(self.request.market, self._names)

    def days(self) -> CheckDays:
        """Return the days from which evenings are drawn."""
        return symbols_days(self._whole)

    def whole(self, session: date) -> Evening:
        """Return an evening of the runs over all bars."""
        return symbols_evening(self._whole, session)

    def again(self, market: Store, session: date) -> Evening:
        """Return an evening of new runs on a market that `cut` returned."""
        return symbols_evening(self.request.runs(market, self._names), session)
