"""The cached rows of the last sessions equal the features of the histories, and a candidate needs no whole history."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.support.memory_cache import MemoryCache
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.history import History
from tradectl.ports import silence
from tradectl.screener import feature_cache, state_cache, trade_cache
from tradectl.screener.feature_cache import KEPT, FeatureCache
from tradectl.screener.readings import Readings
from tradectl.screener.screen import ScreenRequest, screen
from tradectl.strategy.features import features
from tradectl.strategy.parameters import Parameters

PARAMETERS = Parameters()
FIRST = date(2023, 3, 1)


class Counting(Store):
    """Counts the whole histories that are read."""

    whole = 0

    def history(self, instrument_id: str) -> History | None:
        self.whole += 1
        return super().history(instrument_id)


@pytest.fixture(scope="module")
def store(real_market: Path, sessions: SessionTable) -> Store:
    return Store(real_market, sessions)


@pytest.fixture(scope="module")
def cache(store: Store) -> MemoryCache:
    """Return the cache after one evening, for which the sessions before were scanned in one go."""
    cache = MemoryCache()
    known = Readings(store, PARAMETERS, cache)
    known.states.through(FIRST, silence)
    known.keep()
    return cache


def ordinals(store: Store, count: int) -> list[int]:
    """Return the last sessions up to the first evening."""
    panel = store.panel()
    end = panel.last_index(FIRST) + 1
    return panel.sessions[end - count : end].tolist()


def test_rows_are_those_of_the_features(store: Store, cache: MemoryCache) -> None:
    feature_cache, columns = FeatureCache(store, PARAMETERS, cache), store.panel().columns
    for name in store.universe("nifty50")[::7]:
        history = store.history(name)
        assert history is not None
        days = [day for day in ordinals(store, KEPT) if history.index(date.fromordinal(day)) is not None]
        found = feature_cache.rows(columns[name], days)
        assert found is not None
        wanted = features(history, PARAMETERS).take(np.searchsorted(history.sessions, days))
        for column in vars(wanted):
            assert getattr(found, column).tobytes() == getattr(wanted, column).tobytes(), (name, column)


def test_without_one_of_the_rows_there_is_nothing(store: Store, cache: MemoryCache) -> None:
    days = ordinals(store, KEPT + 1)
    assert FeatureCache(store, PARAMETERS, cache).rows(0, days[1:]) is not None
    assert FeatureCache(store, PARAMETERS, cache).rows(0, days) is None
    assert FeatureCache(store, PARAMETERS, cache).rows(len(store.panel().instruments), days[-1:]) is None


def test_rows_of_another_edition_or_other_windows_are_not_there(store: Store, cache: MemoryCache) -> None:
    class Renewed(Store):
        def edition(self) -> str:
            return "another"

    day = ordinals(store, 1)
    assert FeatureCache(Renewed(store.folder, store.sessions), PARAMETERS, cache).rows(0, day) is None
    assert FeatureCache(store, Parameters(rsi_period=11), cache).rows(0, day) is None


def test_rows_of_other_rules_are_not_there(store: Store, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update of the program, states and trades of the old rules are not used either."""
    day = ordinals(store, 1)
    assert FeatureCache(store, PARAMETERS, cache).rows(0, day) is not None
    known = Readings(store, PARAMETERS, cache)
    assert known.states.through(FIRST, silence).session == day[0]
    for module in (feature_cache, state_cache, trade_cache):
        monkeypatch.setattr(module, "build_fingerprint", lambda *_: "another source")
    assert FeatureCache(store, PARAMETERS, cache).rows(0, day) is None
    asked: list[str] = []
    monkeypatch.setattr(cache, "get", asked.append)
    Readings(store, PARAMETERS, cache).states.through(FIRST, silence)
    Readings(store, PARAMETERS, cache).trade_cache.flat_on("INFY", store.sessions)
    assert asked
    assert not set(asked) & set(cache.content)


def test_what_is_too_old_leaves_the_cache(store: Store, cache: MemoryCache) -> None:
    """Rows of another market are deleted too; rows of other rules stay."""
    later = MemoryCache()
    later.content = dict(cache.content) | {"rows-of-somebody-else": b""}
    known = Readings(store, PARAMETERS, later)
    known.states.through(date.fromordinal(store.sessions.next_run_session(FIRST).date.toordinal()), silence)
    known.keep()
    rows = {name for name in later.content if name.startswith("rows-")}
    assert len(rows) == KEPT + 1
    assert len(rows & set(cache.content)) == KEPT - 1


def test_a_candidate_of_late_needs_no_whole_history(real_market: Path, sessions: SessionTable) -> None:
    """Evening after evening, each with the bars known by then; each verdict equals that without a cache."""
    cache = MemoryCache()
    candidates, whole = [], []
    for session in sessions.run_between(FIRST, date(2023, 4, 10)):
        market = Counting(real_market, sessions, through=session.date)
        following = sessions.next_run_session(session.date).date
        known = Readings(market, PARAMETERS, cache)
        asked = ScreenRequest(market.universe("nifty200"), session.date, following, None, PARAMETERS)
        close = screen(market, sessions, known, asked, silence)
        if len(whole) % 7 == 6:
            fresh = Store(real_market, sessions, through=session.date)
            assert repr(close) == repr(screen(fresh, sessions, Readings(fresh, PARAMETERS), asked, silence))
        candidates.append(sum(item.rule == "score" for item in close.verdicts))
        whole.append(market.whole)
        known.keep()
    assert whole[0] >= candidates[0]
    assert sum(candidates[10:]) > 20
    assert sum(whole[10:]) < 1.5 * sum(candidates[10:])  # one with an opening gap of late is looked at whole
