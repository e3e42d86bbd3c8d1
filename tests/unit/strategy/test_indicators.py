"""RSI and EMA equal those of the library `ta`, bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ta.momentum import RSIIndicator
from ta.trend import EMAIndicator

from tradectl.model.history import Floats, History
from tradectl.strategy.indicators import ema, rsi
from tradectl.strategy.smoothing import blocks


def same(ours: Floats, theirs: pd.Series) -> bool:
    return np.array_equal(ours, theirs.to_numpy(), equal_nan=True)


def agrees_with_ta(close: Floats) -> bool:
    series = pd.Series(close)
    return (
        same(rsi(close, 10), RSIIndicator(series, 10).rsi())
        and same(ema(close, 9), EMAIndicator(series, 9).ema_indicator())
        and same(ema(close, 200), EMAIndicator(series, 200).ema_indicator())
    )


def test_every_real_symbol_agrees_with_ta_bit_for_bit(real_histories: Mapping[str, History]) -> None:
    wrong = [
        symbol
        for symbol, history in real_histories.items()
        for scale in (np.ones(len(history)), history.multiplier)
        if not agrees_with_ta(history.close / 100 * scale)
    ]
    assert wrong == []


@pytest.mark.parametrize("n", [1, 2, 8, 9, 10, 11, 199, 200, 201])
def test_short_series_agree_with_ta(n: int) -> None:
    assert agrees_with_ta(np.random.default_rng(n).lognormal(5, 0.02, n).round(2))


@pytest.mark.parametrize("span", [2, 3, 7, 10, 13, 50, 144])
def test_other_periods_agree_with_ta(span: int) -> None:
    close = np.random.default_rng(span).lognormal(5, 0.02, 300).cumsum()
    series = pd.Series(close)
    assert same(ema(close, span), EMAIndicator(series, span).ema_indicator())
    assert same(rsi(close, span), RSIIndicator(series, span).rsi())


def test_flat_prices_have_rsi_100_and_the_price_as_average() -> None:
    close = np.full(30, 123.45)
    assert agrees_with_ta(close)
    assert (rsi(close, 10)[9:] == 100).all()
    assert (ema(close, 9)[8:] == 123.45).all()


def test_nothing_comes_of_nothing() -> None:
    assert len(rsi(np.empty(0), 10)) == 0
    assert len(ema(np.empty(0), 9)) == 0


def test_a_hole_is_no_bar() -> None:
    close = np.random.default_rng(1).lognormal(5, 0.02, 60)
    holed = np.insert(close, [0, 20, 20, 41], np.nan)
    there = ~np.isnan(holed)
    assert np.array_equal(rsi(holed, 10)[there], rsi(close, 10), equal_nan=True)
    assert np.array_equal(ema(holed, 9)[there], ema(close, 9), equal_nan=True)
    assert np.isnan(rsi(holed, 10)[~there]).all()


def test_a_panel_is_its_symbols_side_by_side() -> None:
    panel = np.random.default_rng(2).lognormal(5, 0.02, (80, 4))
    panel[:30, 1] = np.nan
    panel[40, 2] = np.nan
    for indicator, period in ((rsi, 10), (ema, 9)):
        whole = indicator(panel, period)
        assert whole.shape == panel.shape
        for k in range(4):
            assert np.array_equal(whole[:, k], indicator(panel[:, k], period), equal_nan=True)


@st.composite
def panels(draw: st.DrawFn) -> Floats:
    """Return prices with equal neighbours, late listings, suspensions, and possibly a symbol without any bar."""
    sessions, symbols = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    price = st.sampled_from([math.nan, 100.0, 100.05, 99.0, 103.7, 250.15])
    rows = draw(st.lists(st.lists(price, min_size=symbols, max_size=symbols), min_size=sessions, max_size=sessions))
    panel = np.array(rows)
    for symbol, first in enumerate(draw(st.lists(st.integers(0, sessions), min_size=symbols, max_size=symbols))):
        panel[:first, symbol] = np.nan
    return panel


@settings(deadline=None)
@given(panels(), st.integers(2, 12))
def test_a_ragged_panel_has_the_bits_of_each_symbol_alone(panel: Floats, period: int) -> None:
    before = panel.copy()
    for indicator in (rsi, ema):
        alone = np.stack([indicator(column, period) for column in panel.T], axis=1)
        assert np.array_equal(indicator(panel, period), alone, equal_nan=True)
    assert np.array_equal(panel, before, equal_nan=True)  # and what is read is never written to


@settings(deadline=None)
@given(panels(), st.integers(2, 12))
def test_blocks_of_few_rows_have_the_bits_of_each_symbol_alone(panel: Floats, period: int) -> None:
    sessions, symbols = panel.shape
    wide = np.tile(panel, 1 + 6144 // symbols)
    assert sum(1 for _ in blocks(sessions, wide.shape[1])) == math.ceil(sessions / 4)
    for indicator in (rsi, ema):
        alone = np.stack([indicator(column, period) for column in panel.T], axis=1)
        whole = indicator(wide, period)
        assert np.array_equal(whole[:, :symbols], alone, equal_nan=True)
        assert np.array_equal(whole[:, -symbols:], alone, equal_nan=True)


def test_a_panel_of_real_symbols_has_the_bits_of_each_alone(real_histories: Mapping[str, History]) -> None:
    days = np.unique(np.concatenate([history.sessions for history in real_histories.values()]))
    panel = np.full((len(days), len(real_histories)), np.nan)
    for column, history in enumerate(real_histories.values()):
        panel[np.searchsorted(days, history.sessions), column] = history.close / 100 * history.multiplier
    for indicator, period in ((rsi, 10), (ema, 9), (ema, 200)):
        whole = indicator(panel, period)
        assert all(np.array_equal(whole[:, k], indicator(panel[:, k], period), equal_nan=True) for k in range(panel.shape[1]))


def test_an_empty_panel_has_nothing() -> None:
    for shape in ((0, 3), (3, 0)):
        assert rsi(np.empty(shape), 10).shape == ema(np.empty(shape), 9).shape == shape
