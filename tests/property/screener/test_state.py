"""The features of a state equal the last row of `features` of every instrument's history, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.world import PARAMETERS
from tradectl.model.history import History
from tradectl.model.market import Instrument
from tradectl.model.panel import Panel, stacked
from tradectl.screener import advance as advance_module
from tradectl.screener.advance import advance
from tradectl.screener.current_features import current_features, current_readings
from tradectl.screener.state import FeatureState, Windows
from tradectl.strategy.entry import entry_mask, exclusion, exclusions, is_share, refusal, refusals
from tradectl.strategy.features import Features, features
from tradectl.strategy.parameters import Parameters

SHORT = replace(
    PARAMETERS, rsi_period=3, ema_fast=2, ema_slow=5, average_window=4, quality_window=6, quality_candle_window=3, min_bars=2
)
"""Windows so short that an invented history of some tens of bars fills and leaves them all."""
FIRST = date(2023, 1, 2).toordinal()


@st.composite
def markets(draw: st.DrawFn) -> list[History]:
    """Return a few instruments over some sessions: late listings, missing bars, splits, and changing series."""
    sessions = draw(st.integers(2, 45))
    return [_made(draw, name, sessions, start=draw(st.integers(0, sessions - 1))) for name in "ABCD"[: draw(st.integers(1, 4))]]


def _made(draw: st.DrawFn, name: str, sessions: int, *, start: int) -> History:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    there = np.flatnonzero(random.random(sessions) >= draw(st.sampled_from([0.0, 0.1, 0.6])))
    there = there[there >= start] if (there >= start).any() else np.array([start])
    n = len(there)
    step = draw(st.sampled_from([0.0, 0.01, 0.2]))
    close = np.maximum(1, 10_000 * np.cumprod(1 + random.normal(0, step, n))).astype(np.int64)
    opened = np.maximum(1, close + random.integers(-800, 800, n) * (step > 0))
    high, low = np.maximum(opened, close) + random.integers(0, 90, n), np.minimum(opened, close)
    volume = random.integers(0, 10**9, n) * (random.random(n) > 0.05)
    multiplier = np.cumprod(np.where(random.random(n) < 0.1, random.choice([2.0, 10.0, 1 / 3, 1.7364]), 1.0))
    series = random.choice(["EQ", "EQ", "BE", "BZ"], n)
    return History(name, FIRST + there, opened, high, low, close, volume, series, multiplier)


def scanned(panel: Panel, parameters: Parameters) -> Iterator[FeatureState]:
    """Yield the state after every row."""
    state = FeatureState.empty(panel.instruments, Windows.of(parameters))
    for i in range(len(panel)):
        advance(state, panel.rows(i, i + 1))
        yield state


def assert_equal_to_the_histories(
    state: FeatureState, known: Mapping[str, tuple[History, Features]], parameters: Parameters
) -> None:
    """Compare every instrument with a bar by now with its own history."""
    chosen = np.flatnonzero(state.arrays["bars"] > 0)
    found = current_readings(state, chosen, current_features(state, chosen, parameters))
    for column, reading in zip(chosen, found, strict=True):
        history, table = known[state.instruments[column]]
        expected = table.reading(history, history.last_index(date.fromordinal(state.session)))
        assert repr(reading) == repr(expected)  # a float's repr is its bits, and NaN equals NaN


@settings(max_examples=60, deadline=None)
@given(markets())
def test_every_row_is_that_of_the_histories(made: list[History]) -> None:
    known = {history.instrument_id: (history, features(history, SHORT)) for history in made}
    for state in scanned(stacked(made), SHORT):
        assert_equal_to_the_histories(state, known, SHORT)


@settings(max_examples=80, deadline=None)
@given(markets(), st.lists(st.integers(1, 44), max_size=4))
def test_many_sessions_at_once_are_those_one_by_one(made: list[History], cuts: list[int]) -> None:
    """Every array is equal, bit for bit, wherever the sessions are cut into parts."""
    panel = stacked(made)
    one_by_one = list(scanned(panel, SHORT))[-1]
    state, begin = FeatureState.empty(panel.instruments, Windows.of(SHORT)), 0
    for end in [*sorted(cut for cut in set(cuts) if cut < len(panel)), len(panel)]:
        advance(state, panel.rows(begin, end))
        begin = end
    assert state.session == one_by_one.session
    for name, values in one_by_one.arrays.items():
        assert state.arrays[name].tobytes() == values.tobytes(), name


@settings(max_examples=60, deadline=None)
@given(markets(), st.integers(1, 9), st.integers(1, 5))
def test_a_jump_of_the_last_bars_is_noted_in_a_long_history(made: list[History], memory: int, chunk: int) -> None:
    """An older one excludes no symbol and may be left out."""
    panel = stacked(made)
    one_by_one = list(scanned(panel, SHORT))[-1].arrays
    state = FeatureState.empty(panel.instruments, Windows.of(SHORT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(advance_module, "MEMORY", memory)
        patch.setattr(advance_module, "_CHUNK", 0)
        patch.setattr(advance_module, "_LEAST", chunk)
        advance(state, panel)
    recent = (one_by_one["jump"] > 0) & (one_by_one["bars"] - one_by_one["jump"] < memory)
    assert (state.arrays["jump"][recent] == one_by_one["jump"][recent]).all()
    others = state.arrays["jump"][~recent]
    assert ((others == 0) | (state.arrays["bars"][~recent] - others >= memory)).all()
    for name in one_by_one.keys() - {"jump"}:
        assert state.arrays[name].tobytes() == one_by_one[name].tobytes(), name


@settings(max_examples=30, deadline=None)
@given(markets(), st.integers(1, 44))
def test_a_look_ahead_moves_nothing_and_a_newcomer_starts_anew(made: list[History], cut: int) -> None:
    panel = stacked(made)
    known = {history.instrument_id: (history, features(history, SHORT)) for history in made}
    state = FeatureState.empty(panel.instruments, Windows.of(SHORT))
    for i in range(min(cut, len(panel))):
        ahead = state.copy()
        advance(ahead, panel.rows(i, i + 1))
        assert state.session < ahead.session
        advance(state, panel.rows(i, i + 1))
    among = state.among(("AA", *panel.instruments, "Z"))
    assert (among.arrays["bars"][[0, -1]] == 0).all()
    assert_equal_to_the_histories(among, known, SHORT)


@settings(max_examples=40, deadline=None)
@given(markets(), st.booleans())
def test_the_rules_of_a_row_are_those_of_each_instrument(made: list[History], below: bool) -> None:
    """The names of the rules are equal too, in their order."""
    parameters = replace(
        SHORT,
        allow_below_ema200=below,
        rsi_entry_above=60,
        rsi_entry_below=40,
        full_bars=8,
        min_turnover=10_000_000,
        min_price=90,
    )
    isins = dict(zip("ABCD", ("INE001", "INF204", None, "INE002"), strict=True))
    for state in scanned(stacked(made), parameters):
        chosen = np.flatnonzero(state.arrays["bars"] > 0)
        table = current_features(state, chosen, parameters)
        found = current_readings(state, chosen, table)
        names = [isins[state.instruments[column]] for column in chosen]
        series = np.array([reading.series for reading in found])
        out = exclusions(series, np.array([is_share(isin) for isin in names]), state.arrays["close"][chosen], table, parameters)
        refused = refusals(table, parameters)
        for i, reading in enumerate(found):
            assert out[i] == str(exclusion(reading, _instrument(names[i]), parameters) or "")
            assert refused[i] == str(refusal(reading, parameters, next_session_bars_entry=False) or "")
        assert (entry_mask(table, parameters) == (refused == "")).all()


def _instrument(isin: str | None) -> Instrument:
    return Instrument("X", "X", "EQ", isin, 5)


@pytest.mark.parametrize("parameters", [PARAMETERS, replace(PARAMETERS, ema_slow=100, average_window=21, quality_window=25)])
def test_on_real_prices_every_row_is_that_of_the_histories(real_histories: Mapping[str, History], parameters: Parameters) -> None:
    """All instruments and sessions; every 90th session and the last are compared."""
    known = {name: (history, features(history, parameters)) for name, history in real_histories.items()}
    panel = stacked(real_histories.values())
    looked = 0
    for i, state in enumerate(scanned(panel, parameters)):
        if i % 90 == 0 or i == len(panel) - 1:
            assert_equal_to_the_histories(state, known, parameters)
            looked += 1
    assert looked > 15
    whole = FeatureState.empty(panel.instruments, Windows.of(parameters))
    advance(whole, panel)
    assert_equal_to_the_histories(whole, known, parameters)
