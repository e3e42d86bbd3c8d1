"""Gather the input of a backtest of one symbol: bars, features, corporate actions, sessions and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History, Ints
from tradectl.model.market import CorporateAction, Instrument
from tradectl.model.price_path import MinuteBar
from tradectl.model.surveillance import Spells
from tradectl.strategy.features import Features, Liquidity, average_turnover, features, liquidity
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reversion import Reversion
from tradectl.strategy.rule_set import RuleMaker, RuleSet
from tradectl.strategy.trusted_prices import Mask, trusted_mask, undecided_from

if TYPE_CHECKING:
    from tradectl.ports import MarketData


class Span(Struct, frozen=True):
    """Represent the dates from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, eq=False)
class BacktestContext:
    """Hold all data of one symbol that a backtest reads. Functions must return the same value for the same session.

    Attributes:
        columns: The features of the history; None computes them at their first use.
        instrument: Returns the instrument with its symbol, series and tick size of a session.
        actions: Oldest first.
        minutes: Returns the minute bars of a session; empty without any.
        excluded: The dates on which a surveillance list excludes the symbol.
        traded: The sessions (ordinals) on which the market traded; None if unknown.
        minute_sessions: Returns the sessions with minute bars; None if unknown.
        make_rules: Makes the rules of the symbol; by default those of the seed.
        made_rules: The rules, if they were made without the features; None calls `make_rules`.
    """

    history: History
    columns: Features | None
    instrument: Callable[[date], Instrument]
    actions: tuple[CorporateAction, ...]
    sessions: SessionTable
    parameters: Parameters
    minutes: Callable[[date], Sequence[MinuteBar]] = lambda _: ()
    excluded: Spells = ()
    traded: Ints | None = None
    minute_sessions: Callable[[], frozenset[date]] | None = None
    make_rules: RuleMaker = Reversion
    made_rules: RuleSet | None = None

    @cached_property
    def features(self) -> Features:
        """Return the features of the history."""
        return features(self.history, self.parameters) if self.columns is None else self.columns

    @cached_property
    def average_turnover(self) -> Ints:
        """Return the average turnover of `features`, without the other features."""
        return average_turnover(self.history, self.parameters) if self.columns is None else self.columns.average_turnover

    def liquidity(self, rows: Ints) -> Liquidity:
        """Return the liquidity of some bars (indices), without computing all features."""
        if self.columns is None:
            return liquidity(self.history, rows, self.parameters)
        found = self.columns
        return Liquidity(found.average_turnover[rows], found.median_turnover[rows], found.bars[rows])

    @cached_property
    def rules(self) -> RuleSet:
        """Return the rules of the symbol."""
        return self.make_rules(self.history, self.features, self.parameters) if self.made_rules is None else self.made_rules

    @cached_property
    def trusted(self) -> Mask:
        """Return, for each bar, whether the stored prices are trusted at its close (see `trusted_prices`)."""
        return trusted_mask(self.history, self.actions, self.traded)

    @cached_property
    def undecided_from(self) -> date | None:
        """Return the first ex-date of an action that a person must decide; None without one. From then on nothing is traded."""
        return undecided_from(self.actions)

    @classmethod
    def gather(
        cls,
        market: MarketData,
        sessions: SessionTable,
        parameters: Parameters,
        instrument_id: str,
        *,
        history: History,
        columns: Features | None = None,
        make_rules: RuleMaker = Reversion,
    ) -> BacktestContext:
        """Return the context of one instrument. `columns`: as in the class."""
        span = (history.session(0), history.session(len(history) - 1)) if len(history) else None
        return cls(
            history=history,
            columns=columns,
            instrument=lambda session: market.instrument(instrument_id, session),
            actions=tuple(market.actions(instrument_id, *span)) if span else (),
            sessions=sessions,
            parameters=parameters,
            minutes=lambda session: market.minutes(instrument_id, session),
            excluded=market.excluded(instrument_id),
            traded=market.panel().sessions,
            minute_sessions=lambda: market.minute_sessions(instrument_id),
            make_rules=make_rules,
        )
