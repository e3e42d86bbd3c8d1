"""Compute the figures of closed trades and of an account's equity curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

import numpy as np
from msgspec import Struct

from tradectl.model.money import Paise
from tradectl.model.position import Trade


class Statistics(Struct, frozen=True):
    """Hold the figures of closed trades. Amounts are in paise; net is after charges.

    `win_rate`: per cent of the trades. `*_percent`: net result in per cent of a trade's cost. `average_days`: calendar days. A
    figure is None if its divisor is zero.
    """

    trades: int
    wins: int
    gross: Paise
    charges: Paise
    net: Paise
    win_rate: float | None
    profit_factor: float | None
    average_percent: float | None
    best_percent: float | None
    worst_percent: float | None
    average_days: float | None


def net_percent(trade: Trade) -> float:
    """Return the net result of a trade in per cent of its cost; 0 for shares that cost nothing."""
    return 100 * trade.net / trade.cost if trade.cost else 0.0


def statistics(trades: Sequence[Trade]) -> Statistics:
    """Return the figures of trades. `profit_factor`: gain of the winners / loss of the losers; None without a loser."""
    won = sum(trade.net for trade in trades if trade.net > 0)
    lost = -sum(trade.net for trade in trades if trade.net < 0)
    percents = [net_percent(trade) for trade in trades]
    days = [(trade.exit_session - trade.entry_session).days for trade in trades]
    n, wins = len(trades), sum(trade.net > 0 for trade in trades)
    return Statistics(
        trades=n,
        wins=wins,
        gross=sum(trade.gross for trade in trades),
        charges=sum(trade.charges for trade in trades),
        net=sum(trade.net for trade in trades),
        win_rate=100 * wins / n if n else None,
        profit_factor=won / lost if lost else None,
        average_percent=sum(percents) / n if n else None,
        best_percent=max(percents, default=None),
        worst_percent=min(percents, default=None),
        average_days=sum(days) / n if n else None,
    )


def max_drawdown(equity: Sequence[Paise]) -> float:
    """Return the largest fall from an earlier high as a share of that high (0 to 1). `equity`: paise, in order of time."""
    peak, deepest = 0, 0.0
    for value in equity:
        peak = max(peak, value)
        if peak > 0:
            deepest = max(deepest, (peak - value) / peak)
    return deepest


SESSIONS_A_YEAR = 252
LEAST_DAYS = 330
"""Minimum span in calendar days for a yearly growth rate; the result of a few weeks cannot be extrapolated to a year."""
LEAST_RETURNS = 20
"""Minimum number of daily returns for a Sharpe ratio."""


class CurveFigures(Struct, frozen=True):
    """Hold the figures of an equity curve. A growth or fall of 10 % is 0.1.

    Attributes:
        growth: From the first to the last value.
        cagr: Compound yearly growth; None below LEAST_DAYS.
        drawdown: Largest fall, from the high on `drawdown_from` to the low on `drawdown_to` (both None without a fall).
        sharpe: Mean / standard deviation of daily returns x root of 252, with a risk-free rate of 0; None if the returns are
            fewer than LEAST_RETURNS or all equal.
    """

    growth: float | None
    cagr: float | None
    drawdown: float
    drawdown_from: date | None
    drawdown_to: date | None
    sharpe: float | None


def curve_figures(sessions: Sequence[date], values: Sequence[float]) -> CurveFigures:
    """Return the figures of an equity curve. `values`: one per session, at least one, all above 0."""
    worth = np.asarray(values, dtype=np.float64)
    growth = float(worth[-1] / worth[0] - 1)
    days = (sessions[-1] - sessions[0]).days
    cagr = (1 + growth) ** (365.25 / days) - 1 if days >= LEAST_DAYS and growth > -1 else None
    peaks = np.maximum.accumulate(worth)
    falls = 1 - worth / peaks
    bottom = int(np.argmax(falls))
    fell = falls[bottom] > 0
    top = int(np.argmax(worth[: bottom + 1]))
    return CurveFigures(
        growth,
        cagr,
        float(falls[bottom]),
        sessions[top] if fell else None,
        sessions[bottom] if fell else None,
        _sharpe(worth),
    )


def _sharpe(worth: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    returns = worth[1:] / worth[:-1] - 1
    if len(returns) < LEAST_RETURNS:
        return None
    spread = float(returns.std(ddof=1))
    return float(returns.mean()) / spread * math.sqrt(SESSIONS_A_YEAR) if spread > 0 else None
