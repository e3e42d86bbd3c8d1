"""A cache of the feature state: read from the cache, advanced to a session, and stored for the next evening.

A stored state is used only for the same edition of the bars and the same listed instruments on its session. The state of an
earlier session is computed from the first bar on, unless it is among the last states of earlier sessions in memory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tradectl.build_fingerprint import build_fingerprint
from tradectl.model.history import History, Ints
from tradectl.model.market import Bar
from tradectl.model.panel import FIELDS, NOT_LISTED, SERIES, Panel, Row
from tradectl.ports import Cache, MarketData, Tell, silence
from tradectl.screener.feature_cache import KEPT, FeatureCache
from tradectl.screener.state import RULES, FeatureState, Windows, advance, current_features, layout
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import Parameters

FORMAT = 2
"""The version of the stored format; it rises whenever a state holds other arrays."""
_EVERY = 25
"""Rows between two reports of progress."""
_PASSED = 8
"""States of earlier sessions in memory, once a caller has gone back in time."""
_NEAR = 10
"""Days by which the state in memory is advanced for one instrument: a weekend with holidays around it."""


class StateCache:
    """The states of one market's stored bars under one set of windows."""

    def __init__(
        self, market: MarketData, parameters: Parameters, cache: Cache | None = None, feature_cache: FeatureCache | None = None
    ) -> None:
        self._market = market
        self._windows = Windows.of(parameters)
        self._cache, self._feature_cache = cache, feature_cache
        self._state: FeatureState | None = None
        self._edition = ""
        self._kept = 0
        self._passed: dict[int, FeatureState] | None = None

    def through(self, session: date, tell: Tell) -> FeatureState:
        """Return the state of all stored bars of sessions <= `session`. It is shared: copy it before a change."""
        panel, edition = self._market.panel(), self._market.edition()
        wanted = panel.last_index(session)
        if self._state is None or edition != self._edition:
            self._state, self._edition = self._taken(panel, edition), edition
            self._kept, self._passed = self._state.session, None
        state = self._state.among(panel.instruments)
        if state.session > session.toordinal():
            state = self._earlier(session, panel.instruments)
        begin = int(np.searchsorted(panel.sessions, state.session, side="right"))
        for index in range(begin, wanted + 1):
            advance(state, panel.row(index))
            if self._feature_cache is not None and index > wanted - KEPT:
                self._feature_cache.add(state)
            if (index - begin) % _EVERY == 0:
                tell("sessions scanned", index - begin + 1, wanted + 1 - begin)
        self._state = state
        if self._passed is not None and state.session not in self._passed:
            self._passed[state.session] = state.copy()
            self._passed.pop(min(self._passed) if len(self._passed) > _PASSED else 0, None)
        return state

    def _earlier(self, session: date, instruments: Sequence[str]) -> FeatureState:
        """Return the latest state in memory that is not after a session, or an empty one.

        A caller that goes back in time does so repeatedly, as a drill does, so requested states are kept in memory from then on.
        """
        if self._passed is None:
            self._passed = {}
        known = [day for day in self._passed if day <= session.toordinal()]
        return self._passed[max(known)].copy().among(instruments) if known else FeatureState.empty(instruments, self._windows)

    def ahead(self, session: date, bars: Mapping[str, Bar], tell: Tell) -> FeatureState:
        """Return the state after the stored bars before a session and these bars of the session. It is not cached."""
        state = self.through(date.fromordinal(session.toordinal() - 1), tell).copy()
        advance(state, self._row(state, session, {name: bars[name] for name in state.instruments if name in bars}))
        return state

    def one_more(self, before: History, bar: Bar, multiplier: float, parameters: Parameters) -> Features | None:
        """Return the features of one more bar after a history, or None where the state before it is not in memory."""
        if not len(before) or not self._at_hand(date.fromordinal(bar.session.toordinal() - 1)):
            return None
        state = self.through(date.fromordinal(bar.session.toordinal() - 1), silence).alone(before.instrument_id)
        if state is None or int(state.arrays["bars"][0]) != len(before) or bar.series not in SERIES:
            return None
        advance(state, _row_of(state, bar.session, {before.instrument_id: bar}, [multiplier]))
        return current_features(state, np.zeros(1, dtype=np.intp), parameters)

    def _at_hand(self, session: date) -> bool:
        """Return whether the state of a session is in memory or a few days before it."""
        if self._state is None or self._market.edition() != self._edition:
            return False
        ahead = session.toordinal() - self._state.session
        return 0 <= ahead <= _NEAR

    def _row(self, state: FeatureState, session: date, bars: Mapping[str, Bar]) -> Row:
        chosen = state.columns_of(tuple(bars)).tolist()
        multipliers = [self._multiplier(state, column, bar) for column, bar in zip(chosen, bars.values(), strict=True)]
        return _row_of(state, session, bars, multipliers)

    def _multiplier(self, state: FeatureState, column: int, bar: Bar) -> float:
        """Return the multiplier of an instrument's bar: that of its last bar, unless there was an action since."""
        instrument_id, day = state.instruments[column], int(state.arrays["day"][column])
        if day and not self._market.actions(instrument_id, date.fromordinal(day), bar.session):
            return float(state.arrays["multiplier"][column])
        found = self._market.multiplier(instrument_id, bar.session, bar.open)
        return 1.0 if found is None else found

    def keep(self) -> None:
        """Store the state, unless one of a later session is stored."""
        if self._cache is not None and self._state is not None and self._state.session > self._kept:
            self._cache.put(self._name, packed(self._state, self._edition))
            self._kept = self._state.session

    @property
    def _name(self) -> str:
        return f"scan-{FORMAT}-{build_fingerprint(*RULES)[:8]}-{'-'.join(map(str, self._windows))}"

    def _taken(self, panel: Panel, edition: str) -> FeatureState:
        content = self._cache.get(self._name) if self._cache is not None else None
        state = unpacked(content, self._windows, edition) if content is not None else None
        if state is not None and _is_of(state := state.among(panel.instruments), panel):
            return state
        return FeatureState.empty(panel.instruments, self._windows)


def _row_of(state: FeatureState, session: date, bars: Mapping[str, Bar], multipliers: Sequence[float]) -> Row:
    """Return bars of one session as a row of the state's instruments."""
    chosen, n = state.columns_of(tuple(bars)), len(state.instruments)
    series, multiplier = np.zeros(n, dtype=np.int8), np.ones(n)
    series[chosen] = [SERIES[bar.series] for bar in bars.values()]
    multiplier[chosen] = multipliers

    def filled(name: str) -> Ints:
        values = np.zeros(n, dtype=np.int64)
        values[chosen] = [getattr(bar, name) for bar in bars.values()]
        return values

    opens, highs, lows, closes = (filled(name).astype(np.int32) for name in FIELDS[:4])
    return Row(session.toordinal(), opens, highs, lows, closes, filled("volume"), series, multiplier)


def _is_of(state: FeatureState, panel: Panel) -> bool:
    """Return whether the panel has the state's session, with the same instruments listed by then."""
    index = int(np.searchsorted(panel.sessions, state.session))
    there = index < len(panel) and int(panel.sessions[index]) == state.session
    return there and bool(np.array_equal(panel.state[index] != NOT_LISTED, state.arrays["bars"] > 0))


@dataclass(frozen=True)
class _Header:
    """The first line of a stored state."""

    edition: str
    session: int
    instruments: list[str]


def packed(state: FeatureState, edition: str) -> bytes:
    """Return a state as bytes: a header line, then its arrays."""
    header = json.dumps([edition, state.session, state.instruments], separators=(",", ":")).encode()
    return b"".join((header, b"\n", *(values.data for values in state.arrays.values())))


def unpacked(content: bytes, windows: Windows, edition: str) -> FeatureState | None:
    """Return the state from `packed`, or None where it belongs to another edition of the bars."""
    end = content.index(b"\n")
    header = _Header(*json.loads(content[:end]))
    if header.edition != edition:
        return None
    state, offset, count = FeatureState.empty((), windows), end + 1, len(header.instruments)
    for name, (kind, size) in layout(windows).items():
        shape = (size, count) if size else (count,)
        values = np.frombuffer(content, dtype=kind, count=int(np.prod(shape)), offset=offset)
        state.arrays[name] = values.reshape(shape).copy()
        offset += values.nbytes
    state.instruments, state.session = tuple(header.instruments), header.session
    return state
