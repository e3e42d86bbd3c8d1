"""Calculate the score of a candidate, 0 to 100, from its strength now and the past results of the rules on the symbol.

The score ranks candidates and explains the ranking; it is not a forecast. The constants below belong to the formula. The weights
that a user may change are in `Parameters`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from tradectl.model.history import Floats
from tradectl.model.position import Trade
from tradectl.strategy.features import Features, Reading
from tradectl.strategy.parameters import ArrayValued, Parameters


class Verdict(StrEnum):
    """The verdict on a symbol, best first."""

    STRONG_BUY = "STRONG_BUY"
    BUY = "BUY"
    WATCH = "WATCH"
    AVOID = "AVOID"


class BacktestScore(NamedTuple):
    """The backtest part of the score.

    Attributes:
        score: 0 to 100.
        k: The number of trades.
        win: The per cent of trades with a profit; 0 without trades.
        net: The mean net result in per cent of the cost; 0 without trades.
    """

    score: float
    k: int
    win: float
    net: float


def _clamp(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return the value, limited to the bounds; the lower bound for NaN."""
    return min(max(low, value), high) if not math.isnan(value) else low


def strength(reading: Reading, parameters: Parameters) -> float:
    """Return the strength, 0 to 100: oversold 30, trend 20, reward 20, volume 15, chart 15."""
    return sum(strength_parts(reading, parameters).values())


def strength_parts(reading: Reading, parameters: Parameters) -> dict[str, float]:
    """Return the five parts by name. Oversold and volume are 0 at the limits of the entry rule (RSI 30, ratio 0.5)."""
    rising = reading.ema_slow_adjusted > reading.ema_slow_before_adjusted
    return {
        "oversold": 30 * _clamp((parameters.rsi_entry_above - reading.rsi) / 20),
        "trend": (20.0 if rising else 12.0) if reading.above_slow else 0.0,
        "reward": 20 * _clamp((reading.ema_fast_adjusted / reading.close_adjusted - 1) / 0.06),
        "volume": 15 * _clamp((reading.volume_ratio - parameters.min_volume_ratio) / 1.5),
        "chart": 15 * _clamp(reading.quality / 100),
    }


def strengths(rows: Features, parameters: Parameters) -> Floats:
    """Return `strength` of many bars."""

    def part(points: int, share: Floats) -> Floats:
        clamped: Floats = points * np.clip(np.nan_to_num(share, nan=0.0), 0.0, 1.0)
        return clamped

    rising = rows.ema_slow > rows.ema_slow_before
    trend = np.where(rows.close > rows.ema_slow, np.where(rising, 20.0, 12.0), 0.0)
    return (
        part(30, (parameters.rsi_entry_above - rows.rsi) / 20)
        + trend
        + part(20, (rows.ema_fast / rows.close - 1) / 0.06)
        + part(15, (rows.volume_ratio - parameters.min_volume_ratio) / 1.5)
        + part(15, rows.quality / 100)
    )


def backtest_score(trades: Iterable[Trade], as_of: date, parameters: Parameters) -> BacktestScore:
    """Return the score of the trades of the last `backtest_years` that were closed by `as_of`.

    With few trades, the score is shrunk towards the rule's average. The buys of one session count as one trade, even if they were
    sold in parts (locked bonus shares).
    """
    start = since(as_of, parameters.backtest_years)
    results: dict[date, tuple[int, int]] = {}
    for trade in trades:
        if trade.entry_session > start and trade.exit_session <= as_of:
            result, cost = results.get(trade.entry_session, (0, 0))
            results[trade.entry_session] = result + trade.net, cost + trade.cost
    k, prior = len(results), parameters.prior_trades
    won = 100.0 * sum(result > 0 for result, _ in results.values())
    earned = sum(100 * result / cost for result, cost in results.values() if cost > 0)
    if k + prior == 0:
        return BacktestScore(0.0, 0, 0.0, 0.0)
    win = (won + prior * parameters.prior_win) / (k + prior)
    net = (earned + prior * parameters.prior_net) / (k + prior)
    score = (_clamp(50 + 25 * (net - 1), 0, 100) + win) / 2
    return BacktestScore(score, k, won / k if k else 0.0, earned / k if k else 0.0)


def combined(strength_score: Any, backtest: Any, parameters: Parameters | ArrayValued) -> Any:
    """Return the combined score of strength and backtest. Takes numbers or arrays."""
    return parameters.strength_share * strength_score + (1 - parameters.strength_share) * backtest


def verdict(combined_score: float, k: int, parameters: Parameters) -> Verdict:
    """Return the verdict for a combined score. `k`: the number of trades in its backtest part."""
    if combined_score >= parameters.strong_buy_score and k >= parameters.strong_buy_trades:
        return Verdict.STRONG_BUY
    return Verdict.BUY if combined_score >= parameters.buy_score else Verdict.WATCH


def rank(what: Verdict, combined_score: float, symbol: str) -> tuple[int, float, str]:
    """Return the sort key, best first: STRONG_BUY before BUY before the rest, then the score, then the symbol."""
    return list(Verdict).index(what), -combined_score, symbol


def since(day: date, years: int) -> date:
    """Return the date some `years` before `day`. A trade counts if it was entered after that date."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
