"""Gather the input of a backtest of many instruments as tables, one per quantity.

Tables are shaped (sessions, instruments) as in `Panel`, so a session is one row. Settings with equal indicators share tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import Floats, History, Ints
from tradectl.model.market import CorporateAction, Instrument, bars_entry
from tradectl.model.panel import GAP, Panel, stacked
from tradectl.model.price_path import MinuteBar
from tradectl.model.surveillance import Spells
from tradectl.strategy.entry import admission_mask, entry_mask, free_of, is_share
from tradectl.strategy.features import Features, features
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.score import strengths
from tradectl.strategy.trusted_prices import trusted_mask, undecided_from

if TYPE_CHECKING:
    from tradectl.ports import MarketData

Mask = NDArray[np.bool_]

NEVER = 2**31
"""An ordinal later than all sessions."""


@dataclass(frozen=True)
class InstrumentData:
    """Hold the data of one instrument.

    Attributes:
        instrument: Returns the instrument with its symbol, series and tick size of a session.
        actions: Oldest first.
        minutes: Returns the minute bars of a session.
        minute_sessions: The sessions with minute bars.
        features: Returns the features for a setting; None computes them from `history`.
        excluded: The dates on which a surveillance list excludes the instrument.
        traded: The sessions (ordinals) on which the market traded; None if unknown.
    """

    history: History
    instrument: Callable[[date], Instrument]
    actions: tuple[CorporateAction, ...] = ()
    minutes: Callable[[date], Sequence[MinuteBar]] = lambda _: ()
    minute_sessions: frozenset[date] = frozenset()
    features: Callable[[Parameters], Features] | None = None
    excluded: Spells = ()
    traded: Ints | None = None

    def columns(self, parameters: Parameters) -> Features:
        """Return the features of the history for a setting."""
        return features(self.history, parameters) if self.features is None else self.features(parameters)

    @cached_property
    def trusted(self) -> Mask:
        """Return, for each bar, whether the stored prices are trusted at its close, as `BacktestContext.trusted`."""
        return trusted_mask(self.history, self.actions, self.traded)

    @cached_property
    def ex_dates(self) -> Ints:
        """Return the ex-dates of the actions (ordinals)."""
        return np.array([action.ex_date.toordinal() for action in self.actions], dtype=np.int64)


class IndicatorTables(NamedTuple):
    """Hold the indicators of all bars for one set of indicator settings, shaped (sessions, instruments)."""

    rsi: Floats
    ema_fast: Floats
    above_slow: Mask
    average_turnover: Ints

    @classmethod
    def beside(cls, parts: Sequence[IndicatorTables]) -> IndicatorTables:
        """Return the tables of several sets of indicator settings side by side."""
        return parts[0] if len(parts) == 1 else cls(*(np.concatenate(tables, axis=1) for tables in zip(*parts, strict=True)))


class EntryBars(NamedTuple):
    """Hold the bars on which the entry rule holds, sorted by row and then lane. `strength`: the strength of the score."""

    row: Ints
    lane: Ints
    strength: Floats

    def take(self, rows: NDArray[Any] | slice) -> EntryBars:
        """Return some of the bars, by a mask, indices or a slice."""
        return EntryBars(self.row[rows], self.lane[rows], self.strength[rows])

    @classmethod
    def joined(cls, parts: Sequence[EntryBars]) -> EntryBars:
        """Return the bars of all parts, sorted by row and then lane."""
        row, lane, strength = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return cls(row, lane, strength).take(np.lexsort((lane, row)))


@dataclass(frozen=True, eq=False)
class MarketTables:
    """Hold the tables of the instruments of a run, in the order of the panel's columns.

    Tables are computed at their first use. Do not write to them."""

    panel: Panel
    listings: tuple[InstrumentData, ...]
    sessions: SessionTable
    _ticks: dict[int, Ints] = field(default_factory=dict)

    @classmethod
    def gather(cls, market: MarketData, sessions: SessionTable, instrument_ids: Sequence[str]) -> MarketTables:
        """Return the tables of the instruments that have bars, over all sessions on which any of them has a bar."""
        histories = (market.history(instrument_id) for instrument_id in sorted(set(instrument_ids)))
        listings = tuple(_listing(market, sessions, history) for history in histories if history is not None and len(history))
        panel = market.panel().select([item.history.instrument_id for item in listings])
        return cls(_until_undecided(panel, listings), listings, sessions)

    @classmethod
    def of(cls, listings: Sequence[InstrumentData], sessions: SessionTable) -> MarketTables:
        """Return the tables of instruments that all have bars."""
        known = sorted(listings, key=lambda item: item.history.instrument_id)
        return cls(_until_undecided(stacked(item.history for item in known), known), tuple(known), sessions)

    @property
    def instruments(self) -> tuple[str, ...]:
        """Return the instrument id of each column."""
        return self.panel.instruments

    @cached_property
    def days(self) -> Ints:
        """Return the date of each row (ordinals)."""
        return self.panel.sessions

    @cached_property
    def runs(self) -> Mask:
        """Return whether each row is a run session."""
        known = (self.sessions.session(date.fromordinal(day)) for day in self._covered(self.days.tolist()))
        covered = iter([session is not None and session.runs for session in known])
        inside = (self.days >= self.sessions.first.toordinal()) & (self.days <= self.sessions.last.toordinal())
        return np.array([inside[i] and next(covered) for i in range(len(self.days))], dtype=np.bool_)

    @cached_property
    def next_run(self) -> Ints:
        """Return the next run session after each row (ordinals); NEVER after the last known session."""
        known = self.sessions.run_between(self.sessions.first, self.sessions.last)
        days = np.array([*(session.date.toordinal() for session in known), NEVER], dtype=np.int64)
        return days[np.searchsorted(days, self.days, side="right")]

    @cached_property
    def previous(self) -> NDArray[np.int32]:
        """Return, for each bar, the row of the instrument's previous bar; -1 without one."""
        found = np.full(self.panel.state.shape, -1, dtype=np.int32)
        for column, rows in enumerate(self.rows):
            found[rows[1:], column] = rows[:-1]
        return found

    @cached_property
    def rows(self) -> tuple[Ints, ...]:
        """Return the rows of each instrument's bars."""
        return tuple(np.searchsorted(self.days, item.history.sessions) for item in self.listings)

    @cached_property
    def acted(self) -> dict[int, list[int]]:
        """Return, by row, the columns of instruments with a corporate action since their previous bar."""
        found: dict[int, list[int]] = {}
        for column, item in enumerate(self.listings):
            if item.actions:
                passed = np.searchsorted(item.ex_dates, item.history.sessions, side="right")
                bars = np.flatnonzero(passed[1:] > passed[:-1]) + 1
                for row in np.searchsorted(self.days, item.history.sessions[bars]).tolist():
                    found.setdefault(row, []).append(column)
        return found

    @cached_property
    def barred(self) -> Mask:
        """Return, for each row and instrument, whether an ex-date that cancels buys follows by the next run session."""
        found = np.zeros(self.panel.state.shape, dtype=np.bool_)
        for column, item in enumerate(self.listings):
            ex_dates = np.array([action.ex_date.toordinal() for action in item.actions if bars_entry(action)], dtype=np.int64)
            if len(ex_dates):
                through = np.searchsorted(ex_dates, self.next_run, side="right")
                found[:, column] = through > np.searchsorted(ex_dates, self.days, side="right")
        return found

    @cached_property
    def watched(self) -> Mask | None:
        """Return whether a surveillance list excludes each instrument on the date of each row; None if no list ever does."""
        return self._watched(self.days)

    @cached_property
    def watched_next(self) -> Mask | None:
        """Return `watched` for the day before the next run session, as known on the morning of that session."""
        return self._watched(self.next_run - 1)

    def _watched(self, days: Ints) -> Mask | None:
        if not any(item.excluded for item in self.listings):
            return None
        found = np.zeros(self.panel.state.shape, dtype=np.bool_)
        for column, item in enumerate(self.listings):
            if item.excluded:
                found[:, column] = ~free_of(days, item.excluded)
        return found

    @cached_property
    def trusted(self) -> Mask:
        """Return, for each row and instrument, whether the stored prices are trusted at the close."""
        found = np.zeros(self.panel.state.shape, dtype=np.bool_)
        for column, (item, rows) in enumerate(zip(self.listings, self.rows, strict=True)):
            found[rows, column] = item.trusted
        return found

    @cached_property
    def admitted(self) -> Mask:
        """Return whether each instrument's ISIN is that of a share. The ISIN does not change with the session."""
        last = [item.instrument(item.history.session(len(item.history) - 1)) for item in self.listings]
        return np.array([is_share(instrument.isin) for instrument in last], dtype=np.bool_)

    def ticks(self, day: int, columns: Ints) -> Ints:
        """Return the tick sizes of instruments in paise. `day`: ordinal of the session."""
        known = self._ticks.get(day)
        if known is None:
            known = self._ticks[day] = np.zeros(len(self.listings), dtype=np.int64)
        unknown = columns[known[columns] == 0]
        if len(unknown):
            session = date.fromordinal(day)
            for column in set(unknown.tolist()):
                known[column] = self.listings[column].instrument(session).tick_size
        return known[columns]

    def with_minutes(self, row: int, columns: Ints) -> Mask:
        """Return which instruments have minute bars of the session of a row."""
        held = self._minute_rows.get(row)
        return np.isin(columns, held) if held is not None else np.zeros(len(columns), dtype=np.bool_)

    @cached_property
    def _minute_rows(self) -> dict[int, list[int]]:
        """Return the columns of the instruments that have minute bars, by row."""
        found: dict[int, list[int]] = {}
        for column, item in enumerate(self.listings):
            days = np.array([session.toordinal() for session in item.minute_sessions], dtype=np.int64)
            for row in np.flatnonzero(np.isin(self.days, days)).tolist():
                found.setdefault(row, []).append(column)
        return found

    def actions(self, column: int, after: int, through: int) -> tuple[CorporateAction, ...]:
        """Return an instrument's actions with after < ex-date <= through (ordinals), oldest first."""
        item = self.listings[column]
        start, stop = np.searchsorted(item.ex_dates, [after, through], side="right")
        return item.actions[start:stop]

    def columns(self, parameters: Parameters) -> tuple[IndicatorTables, tuple[Features, ...]]:
        """Return the indicators for the indicator settings of `parameters` as tables, and the features of each instrument."""
        shape = self.panel.state.shape
        tables = IndicatorTables(
            np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.int64)
        )
        made = []
        for column, (item, rows) in enumerate(zip(self.listings, self.rows, strict=True)):
            own = item.columns(parameters)
            tables.rsi[rows, column], tables.ema_fast[rows, column] = own.rsi, own.ema_fast
            tables.above_slow[rows, column] = own.close > own.ema_slow
            tables.average_turnover[rows, column] = own.average_turnover
            made.append(own)
        return tables, tuple(made)

    def entry_bars(self, made: Sequence[Features], settings: Sequence[Parameters]) -> EntryBars:
        """Return the bars on which the rules of the universe and the entry rule hold, for each lane.

        `made`: features of each instrument. `settings`: must have equal indicator settings."""
        found = [EntryBars(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
        highest = max(max(item.rsi_entry_above, item.rsi_entry_below) for item in settings)
        for column, (item, rows, own) in enumerate(zip(self.listings, self.rows, made, strict=True)):
            low = np.flatnonzero(own.rsi < highest)  # the entry rule needs an RSI below this, and few bars have one
            part, bars, of_panel = own.take(low), item.history.take(low), rows[low]
            for number, parameters in enumerate(settings):
                mask = entry_mask(part, parameters) & admission_mask(bars, part, parameters, item.excluded) & item.trusted[low]
                lane = np.full(int(mask.sum()), number * len(self.listings) + column, dtype=np.int64)
                found.append(EntryBars(of_panel[mask], lane, strengths(part.take(mask), parameters)))
        return EntryBars.joined(found)

    def _covered(self, days: Sequence[int]) -> list[int]:
        first, last = self.sessions.first.toordinal(), self.sessions.last.toordinal()
        return [day for day in days if first <= day <= last]


def _until_undecided(panel: Panel, listings: Sequence[InstrumentData]) -> Panel:
    """Remove, in place, the bars from an undecided ex-date on, because nothing is traded from that date on."""
    for column, item in enumerate(listings):
        undecided = undecided_from(item.actions)
        if undecided is not None:
            panel.state[np.searchsorted(panel.sessions, undecided.toordinal()) :, column] = GAP
    return panel


def _listing(market: MarketData, sessions: SessionTable, history: History) -> InstrumentData:
    """Return the data of one instrument, with the actions up to the session after its last bar, which are known by then."""
    name, last = history.instrument_id, history.session(len(history) - 1)
    through = sessions.next_run_session(last).date if last < sessions.last else last
    return InstrumentData(
        history,
        lambda session: market.instrument(name, session),
        tuple(market.actions(name, history.session(0), through)),
        lambda session: market.minutes(name, session),
        market.minute_sessions(name),
        excluded=market.excluded(name),
        traded=market.panel().sessions,
    )
