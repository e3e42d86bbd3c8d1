"""Build the JSON result of a backtest of one account: its trades, and its figures compared with buy and hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from msgspec.structs import asdict

from tradectl.backtest.metrics import SESSIONS_A_YEAR, curve_figures, statistics
from tradectl.backtest.portfolio import Portfolio
from tradectl.model.money import show_rupees, to_paise, to_rupees
from tradectl.research.benchmark import BuyAndHold, RandomOrders
from tradectl.research.reports import backtest
from tradectl.research.reports.backtest import SETTLEMENT, SURVIVORS, SymbolResult

NOTES = (
    SURVIVORS,
    "Buy and hold: equal parts of all symbols with a bar on the first session, without charges, dividends kept as cash.",
    SETTLEMENT,
)
"""Notes on the limits of such a result."""


def result(
    name: str, portfolio: Portfolio, benchmarks: Mapping[str, BuyAndHold | None], drawn: RandomOrders | None
) -> dict[str, Any]:
    """Return the JSON result of a finished account, in total and by symbol. Amounts are in rupees.

    `benchmarks`: by name; None for one without bars. `drawn`: None without random orders.
    """
    equity_curve, end = portfolio.equity_curve, portfolio.equity_curve[-1]
    sessions = [point.session for point in equity_curve]
    tested = by_symbol(portfolio, end.session)
    total = statistics([trade for item in tested for trade in item.trades])
    return backtest.result(name, tested, sessions[0], end.session) | {
        "notes": list(NOTES),
        "capital": to_rupees(portfolio.capital),
        "cash": to_rupees(end.cash),
        "equity": to_rupees(end.equity),
        "figures": _curve(sessions, [point.equity for point in equity_curve])
        | {
            "exposure": round(float(np.mean([point.value / point.equity for point in equity_curve])), 4),
            "turnover": _turnover(portfolio),
            "cost_share": round(total.charges / total.gross, 4) if total.gross > 0 else None,
            "trades": total.trades,
            "wins": total.wins,
            "average_days": _shown(total.average_days),
        },
        "benchmarks": {of: _benchmark(sessions, hold) for of, hold in benchmarks.items()},
        "random_order": _random_order(drawn),
        "curve": [[point.session.isoformat(), to_rupees(point.equity)] for point in equity_curve],
    }


def by_symbol(portfolio: Portfolio, end: date) -> list[SymbolResult]:
    """Return the result of each symbol, with the symbol's name on the date `end`."""
    return [
        SymbolResult.of(item.context, done, end) for item, done in zip(portfolio.candidates, portfolio.results(), strict=True)
    ]


def _curve(sessions: Sequence[date], values: Sequence[float]) -> dict[str, Any]:
    figures = asdict(curve_figures(sessions, values))
    return {name: _shown(value) for name, value in figures.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    return value.isoformat() if isinstance(value, date) else value


def _turnover(portfolio: Portfolio) -> float:
    """Return half of the value of all buys and sells as a multiple of the mean equity, per year of 252 sessions."""
    traded = sum(fill.quantity * fill.price for run in portfolio.runs for fill in run.fills)
    mean = float(np.mean([point.equity for point in portfolio.equity_curve]))
    return round(traded / 2 / mean * SESSIONS_A_YEAR / len(portfolio.equity_curve), 4)


def _benchmark(sessions: Sequence[date], hold: BuyAndHold | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    end = round(float(hold.worth[-1]))
    return {
        "name": hold.name,
        "symbols": hold.symbols,
        "later": hold.later,
        "equity": to_rupees(end),
        **_curve(sessions, hold.worth.tolist()),
    }


def _random_order(drawn: RandomOrders | None) -> dict[str, Any] | None:
    """Return the comparison with random orders as JSON values; None without random orders."""
    if drawn is None:
        return None
    ordered = sorted(drawn.drawn)
    return {
        "orders": len(ordered),
        "worse": round(drawn.worse, 4),
        "equal": round(drawn.equal, 4),
        "lowest": to_rupees(ordered[0]),
        "median": to_rupees(ordered[len(ordered) // 2]),
        "highest": to_rupees(ordered[-1]),
    }


PERCENTS = {"growth": "growth %", "cagr": "per year %", "drawdown": "max drawdown %"}


def columns(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the column titles of `compared`. The last one is the name of the index."""
    index = found["benchmarks"]["index"]
    return "", ">account", ">buy and hold", f">{index['name'] if index is not None else 'index'}"


def compared(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of a table that compares the account with buy and hold, one per figure; `-` for an unknown value."""
    known = [found["figures"], *(found["benchmarks"][name] or {} for name in ("hold", "index"))]
    rows = [(title, *(_percent(one.get(name)) for one in known)) for name, title in PERCENTS.items()]
    days = [[one.get(name) or "-" for one in known] for name in ("drawdown_from", "drawdown_to")]
    sharpes = [f"{one['sharpe']:.2f}" if one.get("sharpe") is not None else "-" for one in known]
    return [*rows, ("drawdown from", *days[0]), ("drawdown to", *days[1]), ("Sharpe", *sharpes)]


def summary(found: Mapping[str, Any]) -> list[str]:
    """Return the lines of text about the account."""
    figures, total = found["figures"], found["total"]
    money = {name: show_rupees(to_paise(found[name])) for name in ("capital", "equity")}
    days = f", held {figures['average_days']:.1f} days each" if figures["average_days"] is not None else ""
    held = sum(bool(item["open"]) for item in found["symbols"])
    share = figures["cost_share"]
    gain = "there was no gain before charges" if share is None else f"{_percent(share)} % of the gain before charges"
    lines = [
        f"capital {money['capital']} is now {money['equity']}; {held} positions open",
        f"{figures['trades']} trade{'' if figures['trades'] == 1 else 's'} closed, {figures['wins']} with a gain{days}",
        f"charges {show_rupees(to_paise(total['charges']))}: {gain}",
        f"exposure {_percent(figures['exposure'])} % on average; turnover {figures['turnover']:.2f} x equity a year",
    ]
    hold = found["benchmarks"]["hold"]
    if hold is not None and hold["later"]:
        lines.append(f"buy and hold: {hold['symbols']} symbols; {hold['later']} had no bar by {found['from']}")
    if found["benchmarks"]["index"] is None:
        lines.append("no bars of an index to compare with")
    drawn = found["random_order"]
    if drawn is not None:
        lines.append(
            f"of {drawn['orders']} random sequences of candidates, {_percent(drawn['worse'])} % ended with less and "
            f"{_percent(drawn['equal'])} % with the same; half ended with {show_rupees(to_paise(drawn['median']))} or less"
        )
    return lines


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"
