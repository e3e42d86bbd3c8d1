"""A cache of the features of all instruments on the last sessions, stored from evening to evening.

The reference run of a symbol that held nothing a short time ago continues over these rows. Otherwise it needs the features of
every bar since the first. A row is `state.current_features` after that session, and so, bit for bit, the row of `features`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from tradectl.build_fingerprint import build_fingerprint
from tradectl.ports import Cache, MarketData
from tradectl.screener.state import RULES, FeatureState, current_features
from tradectl.strategy.features import INDICATOR_SETTINGS, Features
from tradectl.strategy.parameters import Parameters

FORMAT = 1
"""The version of the stored format."""
KEPT = 60
"""Sessions whose rows are stored. A run that held something on all of them needs its whole history once."""
_FIELDS = tuple(item.name for item in fields(Features))
_WHOLE = ("average_turnover", "median_turnover", "bars")
"""The columns of whole numbers. The others are floats; every value has eight bytes."""
_Table = NDArray[np.int64]
"""The features after one session, shaped (columns, instruments), by their bytes."""


class FeatureCache:
    """The rows of one market under one set of parameters."""

    def __init__(self, market: MarketData, parameters: Parameters, cache: Cache) -> None:
        self._market, self._parameters, self._cache = market, parameters, cache
        self._name = f"rows-{FORMAT}-{_rules(parameters)}"
        self._new: dict[int, _Table] = {}
        self._tables: dict[int, _Table | None] = {}

    def add(self, state: FeatureState) -> None:
        """Add the features after the session of a state, all of whose bars are stored."""
        row = current_features(state, np.arange(len(state.instruments)), self._parameters)
        table = np.array([getattr(row, name).view(np.int64) for name in _FIELDS])
        self._new[state.session] = self._tables[state.session] = table

    def rows(self, column: int, sessions: Sequence[int]) -> Features | None:
        """Return the features of one column of the panel on these sessions (ordinals), or None unless all are known."""
        found = [self._table(session) for session in sessions]
        if any(table is None or column >= table.shape[1] for table in found):
            return None
        values = np.array([table[:, column] for table in found if table is not None]).reshape(len(sessions), len(_FIELDS))
        own = zip(_FIELDS, np.ascontiguousarray(values.T), strict=True)
        return Features(**{name: column if name in _WHOLE else column.view(np.float64) for name, column in own})

    def keep(self) -> None:
        """Store the new rows and delete those that are too old."""
        if not self._new:
            return
        edition = self._market.edition()
        for session, table in self._new.items():
            self._cache.put(self._of(session), b"\n".join((edition.encode(), table.tobytes())))
        sessions = self._market.panel().sessions
        last = int(np.searchsorted(sessions, max(self._new), side="right"))
        self._cache.clear(self._name, {self._of(session) for session in sessions[max(0, last - KEPT) :].tolist()})
        self._new = {}

    def _of(self, session: int) -> str:
        return f"{self._name}-{session}"

    def _table(self, session: int) -> _Table | None:
        if session not in self._tables:
            content = self._cache.get(self._of(session))
            edition, _, rest = content.partition(b"\n") if content is not None else (b"", b"", b"")
            known = content is not None and edition.decode() == self._market.edition()
            self._tables[session] = np.frombuffer(rest, dtype=np.int64).reshape(len(_FIELDS), -1) if known else None
        return self._tables[session]


def _rules(parameters: Parameters) -> str:
    """Return a name for the code and the settings that made the rows."""
    settings = [getattr(parameters, name) for name in INDICATOR_SETTINGS]
    return hashlib.sha256(repr((build_fingerprint(*RULES), settings)).encode()).hexdigest()[:16]
