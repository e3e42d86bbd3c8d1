"""How trading went: numbers over closed trades, and over the account's worth session by session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradectl.model.money import Paise
from tradectl.model.position import Trade


@dataclass(frozen=True, slots=True)
class Statistics:
    """Over closed trades; amounts in paise, after charges where they are called net. `win_rate` and the `*_percent` in per
    cent of what a trade cost; `average_days` in calendar days. None where there is nothing to divide by."""

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
    """Net result of a trade in per cent of its cost; 0 for shares that cost nothing."""
    return 100 * trade.net / trade.cost if trade.cost else 0.0


def statistics(trades: Sequence[Trade]) -> Statistics:
    """The usual figures. `profit_factor`: what winners won for each rupee that losers lost; None without a loser."""
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
    """The deepest fall from an earlier high, as a share of that high (0 to 1); 0 for a series that never falls."""
    peak, deepest = 0, 0.0
    for value in equity:
        peak = max(peak, value)
        if peak > 0:
            deepest = max(deepest, (peak - value) / peak)
    return deepest


def total_return(equity: Sequence[Paise]) -> float | None:
    """From the first to the last value, as a share of the first; None without a start."""
    return equity[-1] / equity[0] - 1 if equity and equity[0] > 0 else None
