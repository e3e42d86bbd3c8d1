"""Read the close of a universe, and apply the rules of the universe to it: which instruments may be bought at all.

The rules read one row of features. The history of an instrument is read only if its prices show a jump or a bar is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History, Ints
from tradectl.model.market import Bar, bars_entry
from tradectl.model.panel import GAP
from tradectl.ports import MarketData, Tell
from tradectl.screener.coverage import MissingQuotes, MissingSessions, missing_quotes, missing_sessions
from tradectl.screener.current_features import current_features, current_readings
from tradectl.screener.readings import Readings
from tradectl.screener.state import FeatureState, PanelColumns
from tradectl.screener.verdicts import ScreenRequest
from tradectl.strategy import entry
from tradectl.strategy.features import Features, Reading
from tradectl.strategy.trusted_prices import (
    MEMORY,
    MISSING_BARS,
    UNKNOWN_ACTION,
    WINDOW,
    rule_against,
    why_missing,
    why_undecided,
)


class UniverseClose(Struct, frozen=True):
    """Hold the state of a universe at a close.

    Attributes:
        chosen: The columns in the state of the instruments with a bar. `names`: their instrument ids.
        stale: Whether these are the last stored bars, because the session has none.
    """

    state: FeatureState
    chosen: PanelColumns
    names: tuple[str, ...]
    stale: bool


def universe_close(
    market: MarketData, sessions: SessionTable, known: Readings, request: ScreenRequest, tell: Tell
) -> UniverseClose | MissingSessions | MissingQuotes:
    """Return the close of a request, or what a `whole` request lacks."""
    if request.whole:
        allowed, final = request.parameters.allow_stale, request.bars is None
        missing = missing_sessions(market.panel(), sessions, request.universe, request.session, final=final, stale=allowed)
        quoteless = missing_quotes(market.panel(), request.universe, request.session, request.bars) if request.bars else None
        if missing is not None:
            return missing
        if quoteless is not None:
            return quoteless
    state = _state_at(known, request, tell)
    column = {instrument_id: number for number, instrument_id in enumerate(state.instruments)}
    chosen = np.array([column.get(name, -1) for name in request.universe], dtype=np.intp)
    seen = _has_bar(state, chosen, request.session)
    stale = not seen.any() and request.parameters.allow_stale
    if stale:
        state = known.states.through(request.session, tell)
        seen = (chosen >= 0) & (state.arrays["bars"][chosen] > 0) if len(state.instruments) else seen
    names = tuple(name for name, there in zip(request.universe, seen, strict=True) if there)
    return UniverseClose(state, chosen[seen], names, stale)


def _state_at(known: Readings, request: ScreenRequest, tell: Tell) -> FeatureState:
    if request.bars is None:
        return known.states.through(request.session, tell)
    return known.states.ahead(request.session, request.bars, tell)


def _has_bar(state: FeatureState, chosen: PanelColumns, session: date) -> NDArray[np.bool_]:
    """Return which of the chosen instruments have a bar of a session."""
    if not len(state.instruments):
        return np.zeros(len(chosen), dtype=np.bool_)
    seen: NDArray[np.bool_] = (chosen >= 0) & (state.arrays["day"][chosen] == session.toordinal())
    return seen


class Candidacy(Struct, frozen=True):
    """Hold an instrument with a bar. `rule`: the rule that excludes it, and `reason`; both are empty if none does."""

    instrument_id: str
    symbol: str
    reading: Reading
    rule: str
    reason: str


class Admission:
    """Apply the rules of the universe to the instruments of a request."""

    def __init__(self, market: MarketData, known: Readings, request: ScreenRequest) -> None:
        self.market, self.known, self.request = market, known, request
        self.surveillance = market.surveillance(request.session)
        self.watched = self.surveillance.excluded()

    def row(self, close: UniverseClose, isins: tuple[str, ...]) -> tuple[list[Candidacy], Features]:
        """Return each instrument with a bar, and the features of all. `isins`: the first letters of the ISINs that count."""
        parameters, state, chosen, names = self.request.parameters, close.state, close.chosen, close.names
        table = current_features(state, chosen, parameters)
        rows = current_readings(state, chosen, table)
        named = self.market.names(names, self.request.session)
        bought = np.array([(isin or "").startswith(isins) for _, isin in named], dtype=np.bool_)
        series = np.array([reading.series for reading in rows], dtype=np.str_)
        free = np.array([name not in self.watched for name in names], dtype=np.bool_)
        excluded = entry.exclusions(series, bought, state.arrays["close"][chosen], table, parameters, free=free).tolist()
        found = []
        for i, (name, (symbol, _), reading, out) in enumerate(zip(names, named, rows, excluded, strict=True)):
            rule, why = self._distrusted(state, int(chosen[i]), name, reading)
            if out and rule in {"", MISSING_BARS}:  # a fund that also lacks bars is excluded as a fund
                detail = f"{out}, {self.surveillance.excluding(name)}" if out == "surveillance" else out
                rule, why = out, f"not in the universe: {detail}"
            found.append(Candidacy(name, symbol, reading, rule, why))
        return found, table

    def _distrusted(self, state: FeatureState, column: int, name: str, reading: Reading) -> tuple[str, str]:
        """Return the rule of `trusted_prices` that excludes an instrument, and the reason; both are empty if none does.

        The whole history is read only if the state shows a jump.
        """
        undecided = self._undecided.get(name)
        if undecided is not None and undecided <= self.request.following:
            return UNKNOWN_ACTION, why_undecided(undecided)
        jump, bars = int(state.arrays["jump"][column]), int(state.arrays["bars"][column])
        if not (jump and bars - jump < MEMORY):
            lacking = self._lacking.get(name)
            return ("", "") if lacking is None else (MISSING_BARS, why_missing(lacking))
        actions = self.market.actions(name, date.min, self.request.following)
        history = self.history_of(name, reading).through(self.request.session)
        return rule_against(history, actions, self.market.panel().sessions, self.request.following)

    @cached_property
    def _undecided(self) -> Mapping[str, date]:
        return self.market.undecided()

    @cached_property
    def _lacking(self) -> Mapping[str, Ints]:
        """Return the instruments with missing bars, each with the sessions (ordinals) that lack one, oldest first.

        The WINDOW sessions up to the last bar of an instrument are searched. A bar that is not final counts as the last one."""
        panel, session, found = self.market.panel(), self.request.session, {}
        end = panel.last_index(session) + 1
        begin = max(0, end - WINDOW)
        state = np.asarray(panel.state[begin:end])
        today = end > 0 and panel.sessions[end - 1] == session.toordinal()
        for column in np.flatnonzero((state == GAP).any(axis=0)).tolist():
            name, there = panel.instruments[column], state[:, column]
            live = self.request.bars is not None and name in self.request.bars
            if live:
                last = len(state) - 1 if today else len(state)
            else:
                bars = np.flatnonzero(there > 0)
                last = int(bars[-1]) if len(bars) else -1
            gaps = np.flatnonzero(there[:last] == GAP) if last > 0 else np.empty(0, dtype=np.int64)
            gaps = gaps[gaps > last - WINDOW]
            if len(gaps):
                found[name] = panel.sessions[begin + gaps]
        return found

    def ex_date(self, instrument_id: str) -> str:
        """Return the rule `ex_date` if an ex-date up to the next session forbids an entry, else empty text."""
        actions = self.market.actions(instrument_id, self.request.session, self.request.following)
        return "ex_date" if any(bars_entry(action) for action in actions) else ""

    def _not_final(self, instrument_id: str, reading: Reading) -> Bar | None:
        """Return the bar of the reading if it is not final; None if it is stored."""
        bar = self.request.bars.get(instrument_id) if self.request.bars is not None else None
        return bar if bar is not None and reading.session == bar.session else None

    def history_of(self, instrument_id: str, reading: Reading) -> History:
        """Return the history of a reading: the stored bars, or the earlier ones and the bar that is not final."""
        bar = self._not_final(instrument_id, reading)
        if bar is not None:
            found = self.known.reading_with(instrument_id, bar, reading.multiplier)
            history = found[0] if found is not None else None
        else:
            history = self.market.history(instrument_id)
        if history is None:
            raise ValueError(f"{instrument_id} was scanned and has no bars")
        return history
