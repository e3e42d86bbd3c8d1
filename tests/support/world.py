"""Small invented symbols whose indicators are set by hand, so that a test fixes the input of the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
from msgspec.structs import replace

from tradectl.backtest.context import BacktestContext
from tradectl.exchange.sessions import SessionTable
from tradectl.model.history import History
from tradectl.model.market import ActionKind, CorporateAction, Instrument
from tradectl.strategy.features import Features, Reading
from tradectl.strategy.parameters import Parameters

SESSIONS = SessionTable.load()
START = date(2023, 1, 2)
PARAMETERS = Parameters()
CRORE = 10**9
"""Paise."""

Candle = tuple[int, int, int, int]
"""Open, high, low, close in paise."""


def days(count: int, start: date = START) -> list[date]:
    """Return so many sessions from `start` on, with Muhurat sessions and drills."""
    found: list[date] = []
    day = start - timedelta(days=1)
    while len(found) < count:
        day = SESSIONS.next_session(day).date
        found.append(day)
    return found


def history(
    candles: Sequence[Candle], sessions: Sequence[date], *, series: str = "EQ", multiplier: Sequence[float] = ()
) -> History:
    columns = [np.array(column, dtype=np.int64) for column in zip(*candles, strict=True)]
    n = len(candles)
    return History(
        "MADE",
        np.array([day.toordinal() for day in sessions], dtype=np.int64),
        *columns,
        np.full(n, 1_000_000, dtype=np.int64),
        np.array([series] * n, dtype="<U4"),
        np.array(multiplier or [1.0] * n),
    )


def made_features(bars: History, *, rsi: Mapping[int, float], ema_fast: float, above: bool = True) -> Features:
    """Return columns that pass every rule but RSI, which is 45 except where given. `ema_fast` in adjusted rupees."""
    n = len(bars)
    close = bars.close / 100 * bars.multiplier
    values = np.full(n, 45.0)
    for i, value in rsi.items():
        values[i] = value
    slow = close * (0.5 if above else 2.0)
    return Features(
        close=close,
        rsi=values,
        ema_fast=np.full(n, ema_fast),
        ema_slow=slow,
        ema_slow_before=slow * 0.99,
        volume_ratio=np.ones(n),
        average_turnover=np.full(n, 100 * CRORE, dtype=np.int64),
        median_turnover=np.full(n, 100 * CRORE, dtype=np.int64),
        quality=np.full(n, 100.0),
        bars=np.full(n, 1000, dtype=np.int64),
    )


def context(
    bars: History,
    columns: Features,
    *,
    actions: Sequence[CorporateAction] = (),
    parameters: Parameters = PARAMETERS,
    isin: str = "INE000A01010",
) -> BacktestContext:
    instrument = Instrument("MADE", "MADE", "EQ", isin, 5)
    return BacktestContext(bars, columns, lambda _: instrument, tuple(actions), SESSIONS, parameters)


def action(kind: ActionKind, ex_date: date, *, ratio: Fraction = Fraction(1), dividend: int = 0) -> CorporateAction:
    return CorporateAction("MADE", ex_date, kind, ratio, dividend)


READING = Reading(
    session=START,
    series="EQ",
    close=10_000,
    volume=1000,
    multiplier=1.0,
    close_adjusted=100.0,
    rsi=25.0,
    ema_fast_adjusted=103.0,
    ema_slow_adjusted=90.0,
    ema_slow_before_adjusted=89.0,
    volume_ratio=1.25,
    average_turnover=10 * CRORE,
    median_turnover=10 * CRORE,
    quality=80.0,
    bars=1000,
)


def reading(**changes: object) -> Reading:
    return replace(READING, **changes)  # type: ignore[arg-type]
