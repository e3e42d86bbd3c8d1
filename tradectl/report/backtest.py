"""What a backtest of several symbols came to: every trade, and the usual figures of each symbol and of them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from tradectl.model.money import to_rupees
from tradectl.model.position import Trade
from tradectl.report.simulation import trade_row
from tradectl.strategy.backtest import Backtest
from tradectl.strategy.lanes import LaneRun
from tradectl.strategy.look_ahead import Checked
from tradectl.strategy.parameters import NOT_OF_A_SYMBOL, Parameters, names
from tradectl.strategy.performance import statistics
from tradectl.strategy.splits import Span

AMOUNTS = ("gross", "charges", "net")
SURVIVORS = "A list of today's members holds survivors, so the past looks better than it was."
ONE_SURVIVOR = "A symbol that is traded today has survived, so its past looks better than that of one drawn blindly."
SETTLEMENT = "Settlement is modelled as T+1; before 2023 it was T+2."
NOTES = (SURVIVORS, "Every symbol had its own money for every trade: no limit of funds or positions.", SETTLEMENT)
"""What a reader must know about every such result."""
NOT_TUNED = NOT_OF_A_SYMBOL | {"quote_max_age", "participation", "charges"}
"""Settings without any effect on daily bars."""


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


def of_symbol(symbol: str, done: Backtest, span: Span) -> dict[str, Any]:
    """The JSON result of one symbol."""
    return {
        "symbol": symbol,
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "trades": [trade_row(trade) for trade in done.trades],
        "net": to_rupees(sum(trade.net for trade in done.trades)),
        "charges": to_rupees(sum(trade.charges for trade in done.trades)),
        "winners": sum(trade.net > 0 for trade in done.trades),
        "open": done.open_position.quantity if done.open_position is not None else 0,
        "total": _figures(done.trades),
        "notes": [ONE_SURVIVOR, *NOTES[1:]],
    }


def _figures(trades: Sequence[Trade]) -> dict[str, Any]:
    found = asdict(statistics(trades))
    shown = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    return shown | {name: to_rupees(found[name]) for name in AMOUNTS}


def _by_time(trade: Trade) -> tuple[Any, ...]:
    return trade.exit_session, trade.symbol, trade.entry_session, trade.quantity


def with_notes(found: dict[str, Any], parameters: Parameters, checked: Checked) -> dict[str, Any]:
    """A result with what it says about itself: how many settings could have been fitted to the past, and whether a decision
    knew the future."""
    tunable = [name for name in names() if name not in NOT_TUNED]
    usual = Parameters()
    changed = {name: value for name in tunable if (value := getattr(parameters, name)) != getattr(usual, name)}
    return found | {
        "settings": {"tunable": len(tunable), "changed": changed},
        "look_ahead": {
            "compared": checked.compared,
            "sessions": checked.sessions,
            "engine": checked.engine,
            "parts": list(checked.parts),
            "differences": list(checked.differences),
        },
        "notes": [*found["notes"], tuned_note(len(tunable), len(changed)), checked_note(checked)],
    }


def tuned_note(tunable: int, changed: int) -> str:
    return f"{tunable} settings can be tuned, {changed} differ from their defaults; each can be fitted to the past."


def checked_note(checked: Checked) -> str:
    """What the check for look-ahead found, in one line."""
    if not checked.sessions:
        return "Look-ahead was not checked."
    made = f"{checked.engine} was run again up to {checked.sessions} evenings with every later bar cut off"
    compared = f"compared {checked.compared} times, symbol by symbol: {', '.join(checked.parts)}"
    if not checked.differences:
        return f"Look-ahead: {made}; {compared}; all the same."
    return f"LOOK-AHEAD: {made}; {compared}; {len(checked.differences)} differences, so this result cannot be believed."
