"""An account's worth, session by session, in the usual figures. What a curve is too short to say is None, never a guess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

SESSIONS_A_YEAR = 252
LEAST_DAYS = 330
"""Calendar days without which there is no yearly growth: a few weeks to the power of ten say nothing about a year."""
LEAST_RETURNS = 20
"""Daily returns without which there is no Sharpe ratio."""


@dataclass(frozen=True, slots=True)
class CurveFigures:
    """Shares of one. `growth` from the first to the last value; `cagr` a year, None under 11 months; `drawdown` the deepest fall
    from an earlier high, which was on `drawdown_from`, the bottom on `drawdown_to` (None without a fall); `sharpe`: mean over
    standard deviation of daily returns, times the root of 252, risk-free rate 0; None where returns are few or all alike."""

    growth: float | None
    cagr: float | None
    drawdown: float
    drawdown_from: date | None
    drawdown_to: date | None
    sharpe: float | None


def curve_figures(sessions: Sequence[date], values: Sequence[float]) -> CurveFigures:
    """Of values at the close of sessions; both of one length, at least one, values above 0."""
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
