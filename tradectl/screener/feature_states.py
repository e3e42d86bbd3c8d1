"""Keep the feature states of one market in memory, and advance them from session to session.

A state is computed once from the first bar on; each later session adds its bars. States are not stored on disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from tradectl.model.history import History, Ints
from tradectl.model.market import Bar
from tradectl.model.panel import FIELDS, SERIES, Panel
from tradectl.ports import MarketData, Tell, silence
from tradectl.screener.advance import advance
from tradectl.screener.current_features import current_features
from tradectl.screener.state import FeatureState, Windows
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import Parameters

_PASSED = 8
"""Maximum number of states of earlier sessions in memory; they are kept only after a request for an earlier session."""
_NEAR = 10
"""Largest advance of the state for one instrument, in calendar days: a weekend with holidays around it."""


class FeatureStates:
    """Compute and keep the states of one market's stored bars for the windows of one set of parameters."""

    def __init__(self, market: MarketData, parameters: Parameters) -> None:
        self._market = market
        self._windows = Windows.of(parameters)
        self._state: FeatureState | None = None
        self._edition = ""
        self._passed: dict[int, FeatureState] | None = None

    def through(self, session: date, tell: Tell) -> FeatureState:
        """Return the state after all stored bars up to a session. The state is shared: copy it before you change it."""
        panel, edition = self._market.panel(), self._market.edition()
        if self._state is None or edition != self._edition:
            self._state, self._edition, self._passed = FeatureState.empty(panel.instruments, self._windows), edition, None
        state = self._state.among(panel.instruments)
        if state.session > session.toordinal():
            state = self._earlier(session, panel.instruments)
        begin = int(np.searchsorted(panel.sessions, state.session, side="right"))
        advance(state, panel.rows(begin, max(begin, panel.last_index(session) + 1)), tell)
        self._state = state
        if self._passed is not None and state.session not in self._passed:
            self._passed[state.session] = state.copy()
            self._passed.pop(min(self._passed) if len(self._passed) > _PASSED else 0, None)
        return state

    def _earlier(self, session: date, instruments: Sequence[str]) -> FeatureState:
        """Return a copy of the latest state in memory that is not after a session, or an empty state.

        A caller that requests an earlier session, such as a drill, often does so again. So later states are kept from then on.
        """
        if self._passed is None:
            self._passed = {}
        known = [day for day in self._passed if day <= session.toordinal()]
        return self._passed[max(known)].copy().among(instruments) if known else FeatureState.empty(instruments, self._windows)

    def ahead(self, session: date, bars: Mapping[str, Bar], tell: Tell) -> FeatureState:
        """Return the state after the stored bars before a session and the given bars of that session.

        This state is not kept in memory."""
        state = self.through(date.fromordinal(session.toordinal() - 1), tell).copy()
        known = {name: bars[name] for name in state.instruments if name in bars}
        columns = state.columns_of(tuple(known)).tolist()
        multipliers = [self._multiplier(state, column, bar) for column, bar in zip(columns, known.values(), strict=True)]
        advance(state, _one_session(state, session, known, multipliers))
        return state

    def one_more(self, before: History, bar: Bar, multiplier: float, parameters: Parameters) -> Features | None:
        """Return the features of one more bar after a history; None if the state before that bar is not in memory."""
        if not len(before) or not self._at_hand(date.fromordinal(bar.session.toordinal() - 1)):
            return None
        state = self.through(date.fromordinal(bar.session.toordinal() - 1), silence).alone(before.instrument_id)
        if state is None or int(state.arrays["bars"][0]) != len(before) or bar.series not in SERIES:
            return None
        advance(state, _one_session(state, bar.session, {before.instrument_id: bar}, [multiplier]))
        return current_features(state, np.zeros(1, dtype=np.intp), parameters)

    def _at_hand(self, session: date) -> bool:
        """Return whether the state in memory is that of a session or at most _NEAR days before it."""
        if self._state is None or self._market.edition() != self._edition:
            return False
        ahead = session.toordinal() - self._state.session
        return 0 <= ahead <= _NEAR

    def _multiplier(self, state: FeatureState, column: int, bar: Bar) -> float:
        """Return the multiplier of a new bar: that of the instrument's last bar, unless there was an action since."""
        instrument_id, day = state.instruments[column], int(state.arrays["day"][column])
        if day and not self._market.actions(instrument_id, date.fromordinal(day), bar.session):
            return float(state.arrays["multiplier"][column])
        found = self._market.multiplier(instrument_id, bar.session, bar.open)
        return 1.0 if found is None else found


def _one_session(state: FeatureState, session: date, bars: Mapping[str, Bar], multipliers: Sequence[float]) -> Panel:
    """Return bars of one session as a panel of the state's instruments."""
    chosen, n = state.columns_of(tuple(bars)), len(state.instruments)
    series, multiplier = np.zeros((1, n), dtype=np.int8), np.ones((1, n))
    series[0, chosen] = [SERIES[bar.series] for bar in bars.values()]
    multiplier[0, chosen] = multipliers

    def filled(name: str) -> Ints:
        values = np.zeros((1, n), dtype=np.int64)
        values[0, chosen] = [getattr(bar, name) for bar in bars.values()]
        return values

    prices = {name: filled(name).astype(np.int32) for name in FIELDS[:4]}
    sessions = np.array([session.toordinal()], dtype=np.int64)
    return Panel(state.instruments, sessions, **prices, volume=filled("volume"), state=series, multiplier=multiplier)
