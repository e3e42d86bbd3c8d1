"""Lay the bars of many symbols end to end, with what an order needs of each bar: its session, tick size and actions.

A *place* is the index of a bar in these arrays: the bars of the first symbol, then those of the second, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tradectl.backtest.context import BacktestContext
from tradectl.exchange.sessions import SessionTable
from tradectl.model.gap_limit import within_band
from tradectl.model.history import Floats, History, Ints
from tradectl.model.market import ActionKind, CorporateAction, bars_entry
from tradectl.strategy.entry import is_share
from tradectl.strategy.trusted_prices import suspicious

Mask = NDArray[np.bool_]
SPAN = 1 << 24
"""More than any ordinal of a date: symbol x SPAN + ordinal sorts by symbol and then by date."""
NEVER = SPAN - 1
"""An ordinal later than all sessions."""


class Terms(Protocol):
    """Return the terms under which an instrument trades on some sessions (ordinals), as its `Instrument` of each session."""

    def tick_sizes(self, instrument_id: str, sessions: Ints) -> Ints:
        """Return the tick sizes in paise."""

    def symbols_on(self, instrument_id: str, sessions: Ints) -> Sequence[str]:
        """Return the symbols."""


class TermsByContext:
    """Return the terms that the contexts themselves give, session by session."""

    def __init__(self, contexts: Sequence[BacktestContext]) -> None:
        self._contexts = {context.history.instrument_id: context for context in contexts}

    def tick_sizes(self, instrument_id: str, sessions: Ints) -> Ints:
        """Return the tick sizes in paise."""
        instrument = self._contexts[instrument_id].instrument
        return np.array([instrument(date.fromordinal(day)).tick_size for day in sessions.tolist()], dtype=np.int64)

    def symbols_on(self, instrument_id: str, sessions: Ints) -> list[str]:
        """Return the symbols."""
        instrument = self._contexts[instrument_id].instrument
        return [instrument(date.fromordinal(day)).symbol for day in sessions.tolist()]


class Calendar(NamedTuple):
    """Hold the run sessions (ordinals), for each ordinal from `first` on: whether it is one, and the next one (else NEVER)."""

    first: int
    runs: Mask
    following: Ints

    @classmethod
    def of(cls, sessions: SessionTable, begin: date, end: date) -> Calendar:
        """Return the run sessions from `begin` to `end`, both included."""
        first, count = begin.toordinal(), end.toordinal() - begin.toordinal() + 1
        days = np.array([session.date.toordinal() for session in sessions.run_between(begin, end)], dtype=np.int64)
        runs = np.zeros(max(count, 0), dtype=np.bool_)
        runs[days - first] = True
        after = np.searchsorted(days, np.arange(first, first + len(runs)), side="right")
        return cls(first, runs, np.append(days, NEVER)[after])


@dataclass(frozen=True, eq=False)
class Bars:
    """Hold the bars of some symbols end to end. Prices are in paise as traded.

    Attributes:
        begins: The place of each symbol's first bar.
        column: The column of each symbol in the calculation of its rules.
        opens, closes: For each symbol, the first place of the span, and the place after its last one.
        tick: The tick size in paise; 1 outside of the span.
    """

    contexts: tuple[BacktestContext, ...]
    column: Ints
    begins: Ints
    opens: Ints
    closes: Ints
    calendar: Calendar
    sessions: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    multiplier: Floats
    symbol: Ints
    tick: Ints

    @classmethod
    def of(cls, contexts: Sequence[BacktestContext], column: Sequence[int], first: date, last: date, terms: Terms) -> Bars:
        """Return the bars of contexts with at least one bar each. `first`, `last`: the span, inside the session table."""
        histories = [context.history for context in contexts]
        lengths = np.array([len(history) for history in histories], dtype=np.int64)
        begins = np.cumsum(lengths) - lengths
        opens, closes = begins.copy(), begins.copy()
        for n, context in enumerate(contexts):
            undecided = context.undecided_from
            bounds = [first.toordinal(), last.toordinal() + 1] + ([] if undecided is None else [undecided.toordinal()])
            found = np.searchsorted(histories[n].sessions, bounds)
            opens[n] += found[0]
            closes[n] += min(found[1:].tolist())

        def joined(name: str) -> Ints:
            return np.concatenate([getattr(history, name) for history in histories])

        return cls(
            contexts=tuple(contexts),
            column=np.array(column, dtype=np.int64),
            begins=begins,
            opens=opens,
            closes=closes,
            calendar=Calendar.of(contexts[0].sessions, first, last),
            sessions=joined("sessions"),
            open=joined("open"),
            high=joined("high"),
            low=joined("low"),
            close=joined("close"),
            multiplier=np.concatenate([history.multiplier for history in histories]),
            symbol=np.repeat(np.arange(len(contexts)), lengths),
            tick=_ticks(histories, opens - begins, closes - begins, terms),
        )

    def rows(self, places: Ints) -> Ints:
        """Return the index of each place in the bars of its symbol."""
        found: Ints = places - self.begins[self.symbol[places]]
        return found

    @cached_property
    def runs(self) -> Mask:
        """Return whether each bar lies in the span and its session is a run session."""
        found = np.zeros(len(self.sessions), dtype=np.bool_)
        inside = (self.sessions >= self.calendar.first) & (self.sessions < self.calendar.first + len(self.calendar.runs))
        found[inside] = self.calendar.runs[self.sessions[inside] - self.calendar.first]
        return found

    @cached_property
    def keys(self) -> Ints:
        """Return symbol x SPAN + ordinal of each bar, ascending."""
        return self.symbol * SPAN + self.sessions

    @cached_property
    def trusted(self) -> Mask:
        """Return, for each bar, whether the stored prices are trusted at its close, as `BacktestContext.trusted`."""
        found = np.ones(len(self.sessions), dtype=np.bool_)
        for n in self._doubtful().tolist():
            begin = int(self.begins[n])
            mask = self.contexts[n].trusted
            found[begin : begin + len(mask)] = mask
        return found

    def _doubtful(self) -> Ints:
        """Return the symbols that a rule of `trusted_prices` may exclude on some bar."""
        same = self.symbol[1:] == self.symbol[:-1]
        step = self.multiplier[1:] / self.multiplier[:-1]
        base = self.close[:-1] / step
        odd = ~within_band(self.open[1:], base)
        stepped = np.flatnonzero(step != 1)  # a step of 1 cannot contradict
        odd[stepped] |= suspicious(self.open[1:][stepped], base[stepped], step[stepped])
        odd &= same
        traded = self.contexts[0].traded
        if traded is not None and len(traded):
            first = int(self.sessions.min())
            at = np.searchsorted(traded, np.arange(first, int(self.sessions.max()) + 1))
            odd |= same & (np.diff(at[self.sessions - first]) > 1)
        doubtful = np.zeros(len(self.contexts), dtype=np.bool_)
        doubtful[self.symbol[1:][odd]] = True
        for n, context in enumerate(self.contexts):
            doubtful[n] |= context.undecided_from is not None
        return np.flatnonzero(doubtful)

    @cached_property
    def shares(self) -> Mask:
        """Return whether each symbol is a share. The ISIN does not change with the session."""
        last = [context.instrument(context.history.session(len(context.history) - 1)) for context in self.contexts]
        return np.array([is_share(instrument.isin) for instrument in last], dtype=np.bool_)

    @cached_property
    def barring(self) -> Ints:
        """Return symbol x SPAN + ex-date of each action that cancels buys, ascending."""
        return self._action_keys(bars_entry)

    @cached_property
    def changes(self) -> Ints:
        """Return the places, ascending, of the first bar from the ex-date of each action that changes shares or their cost."""
        return np.unique(np.searchsorted(self.keys, self._action_keys(_changes)))

    @cached_property
    def with_minutes(self) -> Ints:
        """Return the places of the bars whose sessions have minute bars, ascending."""
        found = [np.empty(0, dtype=np.int64)]
        for n, context in enumerate(self.contexts):
            days = [] if context.minute_sessions is None else [day.toordinal() for day in context.minute_sessions()]
            keys = n * SPAN + np.array(days, dtype=np.int64)
            at = np.searchsorted(self.keys, keys)
            inside = at < len(self.keys)
            found.append(at[inside][self.keys[at[inside]] == keys[inside]])
        return np.unique(np.concatenate(found))

    def _action_keys(self, counts: Callable[[CorporateAction], bool]) -> Ints:
        found = [
            n * SPAN + action.ex_date.toordinal()
            for n, context in enumerate(self.contexts)
            for action in context.actions
            if counts(action)
        ]
        return np.array(found, dtype=np.int64)


def _ticks(histories: Sequence[History], opens: Ints, closes: Ints, terms: Terms) -> Ints:
    parts = []
    for history, first, end in zip(histories, opens.tolist(), closes.tolist(), strict=True):
        ticks = np.ones(len(history), dtype=np.int64)
        ticks[first:end] = terms.tick_sizes(history.instrument_id, history.sessions[first:end])
        parts.append(ticks)
    return np.concatenate(parts)


def _changes(action: CorporateAction) -> bool:
    return action.ratio != 1 or action.kind is ActionKind.DEMERGER


def lies_in(marks: Ints, places: Ints) -> Mask:
    """Return whether each place is one of the marks (ascending)."""
    return any_between(marks, places - 1, places)


def any_between(marks: Ints, after: Ints, through: Ints) -> Mask:
    """Return whether a mark (ascending) lies in (after, through]."""
    found: Mask = np.searchsorted(marks, through, side="right") > np.searchsorted(marks, after, side="right")
    return found
