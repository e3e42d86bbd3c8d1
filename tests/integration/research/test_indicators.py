"""RSI10, EMA9 and EMA200 that tasks read from the store equal `ta` on prices adjusted forward, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ta.momentum import RSIIndicator
from ta.trend import EMAIndicator

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.history import Floats, History
from tradectl.screener.readings import Readings
from tradectl.strategy.features import features
from tradectl.strategy.parameters import Parameters

COLUMNS = ("sessions", "open", "high", "low", "close", "volume", "series", "multiplier")


@pytest.fixture(scope="module")
def store(real_market: Path, sessions: SessionTable) -> Store:
    return Store(real_market, sessions)


def histories(store: Store) -> Iterator[History]:
    for instrument_id in store.universe("all"):
        history = store.history(instrument_id)
        assert history is not None
        yield history


def as_ta_says(adjusted: pd.Series[float]) -> tuple[Floats, Floats, Floats]:
    """Return RSI10, EMA9 and EMA200 of `ta`, NaN where it has none."""
    return (
        RSIIndicator(adjusted, 10).rsi().to_numpy(),
        EMAIndicator(adjusted, 9).ema_indicator().to_numpy(),
        EMAIndicator(adjusted, 200).ema_indicator().to_numpy(),
    )


def same(history: History, theirs: tuple[Floats, Floats, Floats]) -> bool:
    ours = features(history, Parameters())
    pairs = zip((ours.rsi, ours.ema_fast, ours.ema_slow), theirs, strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def test_every_symbol_of_the_store_agrees_with_ta(store: Store) -> None:
    readings = Readings(store, Parameters())
    bars = 0
    for history in histories(store):
        kept = readings.columns(history.instrument_id)
        assert kept is not None
        theirs = as_ta_says(pd.Series(history.close / 100 * history.multiplier))
        ours = (kept[1].rsi, kept[1].ema_fast, kept[1].ema_slow)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(ours, theirs, strict=True)), history.instrument_id
        bars += len(history)
    assert bars > 300_000


def test_the_histories_were_adjusted(store: Store) -> None:
    """Otherwise the values above would be those of prices as traded."""
    factors = {history.instrument_id: float(history.multiplier[-1]) for history in histories(store)}
    assert (factors["NESTLEIND"], factors["TATASTEEL"]) == (10.0, 10.0)
    assert factors["RELIANCE"] > 2  # a bonus of one for one, and a demerger
    assert factors["BAJFINANCE"] == pytest.approx(10.0)
    assert sum(factor != 1 for factor in factors.values()) > 60


def test_flat_prices_agree_with_ta(store: Store) -> None:
    history = next(histories(store))
    for price in (5, 12345, 99_999_95):
        close = np.full(len(history), price)
        flat = replace(history, open=close, high=close, low=close, close=close, multiplier=np.ones(len(history)))
        assert same(flat, as_ta_says(pd.Series(close / 100)))
        assert (features(flat, Parameters()).rsi[9:] == 100).all()


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_holes_are_dropped_before_anything_is_computed(store: Store, share: float) -> None:
    """A panel over all sessions has holes; `ta` gets a symbol's prices without them, as `dropna` leaves them."""
    random = np.random.default_rng(7)
    for history in list(histories(store))[::7]:
        there = random.random(len(history)) >= share
        panel = pd.Series(np.where(there, history.close / 100 * history.multiplier, np.nan), index=history.sessions)
        holed = replace(history, **{name: getattr(history, name)[there] for name in COLUMNS})
        assert same(holed, as_ta_says(panel.dropna())), history.instrument_id
