"""What a backtest of several symbols came to: every trade, and the usual figures of each symbol and of them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from tradectl.model.money import to_rupees
from tradectl.model.position import Trade
from tradectl.report.simulation import trade_row
from tradectl.strategy.lanes import LaneRun
from tradectl.strategy.performance import statistics

AMOUNTS = ("gross", "charges", "net")
NOTES = (
    "A list of today's members holds survivors, so the past looks better than it was.",
    "Every symbol had its own money for every trade: no limit of funds or positions.",
    "Settlement is modelled as T+1; before 2023 it was T+2.",
)
"""What a reader must know about every such result."""


@dataclass(frozen=True, slots=True)
class Tested:
    """The trades of one symbol, named as at the end, and the shares it still holds."""

    symbol: str
    trades: tuple[Trade, ...]
    held: int


def by_symbol(run: LaneRun, instruments: Sequence[str], name_of: Callable[[str, date], str], end: date) -> list[Tested]:
    """The results of a run of one setting. `name_of(instrument_id, session)` is what it was called then."""
    trades: dict[int, list[Trade]] = {}
    for row, column in enumerate(run.trades.instrument.tolist()):
        entered = date.fromordinal(int(run.trades.entry_session[row]))
        trades.setdefault(column, []).append(run.trades.trade(row, name_of(instruments[column], entered)))
    held = {column: folded.quantity for (_, column), folded in run.held.items()}
    return [
        Tested(name_of(instrument_id, end), tuple(trades.get(column, ())), held.get(column, 0))
        for column, instrument_id in enumerate(instruments)
    ]


def result(universe: str, tested: Sequence[Tested], begin: date, end: date) -> dict[str, Any]:
    """The JSON result; a symbol without a trade is in `symbols` too."""
    trades = sorted((trade for item in tested for trade in item.trades), key=_by_time)
    return {
        "universe": universe,
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "trades": [trade_row(trade) for trade in trades],
        "symbols": [{"symbol": item.symbol, "open": item.held, **_figures(item.trades)} for item in tested],
        "total": _figures(trades),
        "notes": list(NOTES),
    }


def _figures(trades: Sequence[Trade]) -> dict[str, Any]:
    found = asdict(statistics(trades))
    shown = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    return shown | {name: to_rupees(found[name]) for name in AMOUNTS}


def _by_time(trade: Trade) -> tuple[Any, ...]:
    return trade.exit_session, trade.symbol, trade.entry_session, trade.quantity
