"""Compute the figures of a report from its content. Ratios are fractions: 0.01 is 1 %.

Daily returns are those of the equity (`equity_curve`). `backtest.metrics` defines yearly growth, drawdown and Sharpe, so a
report of a backtest has the figures of `backtest`. Sortino is the mean daily return divided by the root of the mean squared loss,
times the root of 252, with a target of 0. Tests compare these with empyrical.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import numpy as np
from msgspec import Struct

from tradectl.backtest.metrics import LEAST_RETURNS, SESSIONS_A_YEAR, CurveFigures, curve_figures
from tradectl.model.money import Paise
from tradectl.report_page.content import Content, Day, Source, TradeLine

BUCKETS = (-15, -10, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 10, 15)
"""The bounds of the distribution of trades, in per cent of the cost, net."""


class Streak(Struct, frozen=True):
    """The longest run of trades with the same sign, in order of their exits, and its sum."""

    trades: int = 0
    net: Paise = 0


class TradeFigures(Struct, frozen=True):
    """The figures of closed trades. `win_rate` is a fraction; figures without a divisor are None."""

    trades: int
    wins: int
    gross: Paise
    charges: Paise
    net: Paise
    win_rate: float | None
    profit_factor: float | None
    average_percent: float | None
    average_days: float | None
    best: TradeLine | None
    worst: TradeLine | None
    winning: Streak
    losing: Streak


class SymbolFigures(Struct, frozen=True):
    """The trades of one symbol. `held`: the shares that are still held."""

    symbol: str
    trades: int
    wins: int
    net: Paise
    charges: Paise
    held: int


class Month(Struct, frozen=True):
    """The result of one month: the change of the equity, and as a fraction of the equity before."""

    year: int
    month: int
    change: Paise
    growth: float


class DayResult(Struct, frozen=True):
    """The change of the equity in one session, and as a fraction of the equity before."""

    session: date
    change: Paise
    growth: float


class Bucket(Struct, frozen=True):
    """How many trades have a net result from `low` to below `high` per cent; None is unbounded."""

    low: int | None
    high: int | None
    count: int


class Figures(Struct, frozen=True):
    """All figures of a report. `exposure`: the mean share of the equity that is in shares."""

    change: Paise
    growth: float | None
    curve: CurveFigures | None
    sortino: float | None
    volatility: float | None
    exposure: float | None
    charges: Paise
    received: Paise
    trades: TradeFigures
    months: tuple[Month, ...]
    days: tuple[DayResult, ...]
    symbols: tuple[SymbolFigures, ...]
    buckets: tuple[Bucket, ...]


def figures_of(content: Content) -> Figures:
    """Return the figures of a report."""
    dates, worth = equity_curve(content)
    usable = bool(content.days) and min(worth) > 0
    returns = _returns(worth) if usable else np.empty(0)
    change = content.equity - content.before
    return Figures(
        change=change,
        growth=change / content.before if content.before > 0 else None,
        curve=curve_figures(dates, worth) if usable else None,
        sortino=sortino(returns),
        volatility=float(returns.std(ddof=1)) * math.sqrt(SESSIONS_A_YEAR) if len(returns) >= LEAST_RETURNS else None,
        exposure=_mean(day.holdings / day.equity for day in content.days) if usable else None,
        charges=sum(content.charge_lines.values()),
        received=sum(day.received for day in content.days),
        trades=trade_figures(content.trades),
        months=months(content.before, content.days),
        days=day_results(content.before, content.days),
        symbols=by_symbol(content.trades, content.held),
        buckets=distribution(content.trades),
    )


def equity_curve(content: Content) -> tuple[list[date], list[Paise]]:
    """Return the dates and values from which growth, drawdown and ratios are computed; empty without a session.

    The equity before the first session counts at the date before. A backtest begins at the close of its first session, as its
    benchmarks do.
    """
    dates, worth = [day.session for day in content.days], [day.equity for day in content.days]
    if not dates or content.source is Source.BACKTEST:
        return dates, worth
    return [dates[0] - timedelta(days=1), *dates], [content.before, *worth]


def trade_figures(trades: Sequence[TradeLine]) -> TradeFigures:
    """Return the figures of closed trades, which are in order of their exits."""
    won = sum(trade.net for trade in trades if trade.net > 0)
    lost = -sum(trade.net for trade in trades if trade.net < 0)
    wins = sum(trade.net > 0 for trade in trades)
    return TradeFigures(
        trades=len(trades),
        wins=wins,
        gross=sum(trade.gross for trade in trades),
        charges=sum(trade.charges for trade in trades),
        net=sum(trade.net for trade in trades),
        win_rate=wins / len(trades) if trades else None,
        profit_factor=won / lost if lost else None,
        average_percent=_mean(trade.percent for trade in trades),
        average_days=_mean(trade.days(trade.entry_session) for trade in trades),
        best=max(trades, key=lambda trade: trade.net, default=None),
        worst=min(trades, key=lambda trade: trade.net, default=None),
        winning=_streak(trades, 1),
        losing=_streak(trades, -1),
    )


def _streak(trades: Sequence[TradeLine], sign: int) -> Streak:
    """Return the longest run of gains (`sign` 1) or losses (-1); the first of equal length."""
    longest, running = Streak(), Streak()
    for trade in trades:
        running = Streak(running.trades + 1, running.net + trade.net) if trade.net * sign > 0 else Streak()
        if running.trades > longest.trades:
            longest = running
    return longest


def by_symbol(trades: Iterable[TradeLine], held: Iterable[TradeLine]) -> tuple[SymbolFigures, ...]:
    """Return the figures of each symbol, the largest gain first."""
    closed: dict[str, list[TradeLine]] = defaultdict(list)
    shares: Counter[str] = Counter()
    for trade in trades:
        closed[trade.symbol].append(trade)
    for line in held:
        shares[line.symbol] += line.quantity
    found = [
        SymbolFigures(
            symbol,
            len(closed[symbol]),
            sum(trade.net > 0 for trade in closed[symbol]),
            sum(trade.net for trade in closed[symbol]),
            sum(trade.charges for trade in closed[symbol]),
            shares[symbol],
        )
        for symbol in sorted({*closed, *shares})
    ]
    return tuple(sorted(found, key=lambda item: -item.net))


def months(before: Paise, days: Sequence[Day]) -> tuple[Month, ...]:
    """Return the result of each month with a session, oldest first."""
    ends: dict[tuple[int, int], Paise] = {}
    for day in days:
        ends[(day.session.year, day.session.month)] = day.equity
    found, last = [], before
    for (year, month), equity in ends.items():
        found.append(Month(year, month, equity - last, equity / last - 1 if last > 0 else 0.0))
        last = equity
    return tuple(found)


def day_results(before: Paise, days: Sequence[Day]) -> tuple[DayResult, ...]:
    """Return the result of each session, oldest first."""
    found, last = [], before
    for day in days:
        found.append(DayResult(day.session, day.equity - last, day.equity / last - 1 if last > 0 else 0.0))
        last = day.equity
    return tuple(found)


def distribution(trades: Iterable[TradeLine]) -> tuple[Bucket, ...]:
    """Return how many trades fall between the bounds of BUCKETS."""
    counts: Counter[int] = Counter(int(np.searchsorted(BUCKETS, trade.percent, side="right")) for trade in trades)
    bounds = (None, *BUCKETS, None)
    return tuple(Bucket(bounds[i], bounds[i + 1], counts[i]) for i in range(len(BUCKETS) + 1))


def drawdowns(worth: Sequence[Paise]) -> list[float]:
    """Return the fall of each value from the highest value so far, as a fraction that is 0 or negative."""
    found, peak = [], 0
    for value in worth:
        peak = max(peak, value)
        found.append(value / peak - 1 if peak > 0 else 0.0)
    return found


def sortino(returns: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float | None:
    """Return the yearly Sortino ratio; None below LEAST_RETURNS returns or without a loss."""
    if len(returns) < LEAST_RETURNS:
        return None
    loss = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return float(returns.mean()) / loss * math.sqrt(SESSIONS_A_YEAR) if loss > 0 else None


def _returns(worth: Sequence[Paise]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(worth, dtype=np.float64)
    return values[1:] / values[:-1] - 1


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None
