"""Build the JSON result of a backtest of symbols with separate money: all trades, and figures by symbol and in total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from tradectl.backtest.context import BacktestContext, Span
from tradectl.backtest.look_ahead import LookAheadReport
from tradectl.backtest.metrics import statistics
from tradectl.backtest.symbol_run import Backtest
from tradectl.exchange.rates import Tariff
from tradectl.model.money import to_rupees
from tradectl.model.position import Trade
from tradectl.model.rule_names import REVERSION
from tradectl.report.simulation import trade_row
from tradectl.research.reports.open_lots import OpenLot, open_lots, total
from tradectl.strategy.column_rules import Rule
from tradectl.strategy.parameters import NOT_OF_A_SYMBOL, OF_REVERSION, Parameters, names, show

AMOUNTS = ("gross", "charges", "net")
ONE_LINE = "one-line"
"""What a rule without a file is called."""
PARTS = ("entry", "exit", "target", "stop", "reentry", "max_days", "score", "size")
SURVIVORS = (
    "A list of today's members has survivorship bias: companies that left it are missing, so the past looks better than it was."
)
ONE_SURVIVOR = "A symbol that is traded today has survivorship bias: its past looks better than that of a random symbol."
SETTLEMENT = "Settlement is modelled as T+1; before 2023 it was T+2."
NOTES = (SURVIVORS, "Every trade had separate money, without a limit of funds or positions.", SETTLEMENT)
"""Notes on the limits of such a result."""
NOT_TUNED = NOT_OF_A_SYMBOL | {"quote_max_age", "participation", "charges"}
"""Settings that have no effect on a backtest with daily bars."""


class SymbolResult(Struct, frozen=True):
    """Hold the trades and the open lots of one symbol.

    `symbol`: on the last session. `held`: number of shares still held. `ambiguous`, `without_stop`: numbers of
    sessions, as in `Backtest`.
    """

    symbol: str
    trades: tuple[Trade, ...]
    held: int
    lots: tuple[OpenLot, ...] = ()
    ambiguous: int = 0
    without_stop: int = 0

    @classmethod
    def of(cls, context: BacktestContext, done: Backtest, end: date) -> SymbolResult:
        """Return the result of a run that ended on the date `end`."""
        symbol, folded = context.instrument(end).symbol, done.folded
        lots = open_lots(folded, context.history, end, context.parameters.tariff, symbol)
        return cls(symbol, done.trades, folded.quantity, lots, len(done.ambiguous), len(done.without_stop))


def result(universe: str, tested: Sequence[SymbolResult], begin: date, end: date) -> dict[str, Any]:
    """Return the JSON result of many symbols. `symbols` also has those without a trade."""
    trades = sorted((trade for item in tested for trade in item.trades), key=_by_time)
    lots = sorted((lot for item in tested for lot in item.lots), key=lambda lot: (lot.symbol, lot.entry_session))
    return {
        "universe": universe,
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "trades": [trade_row(trade) for trade in trades],
        "symbols": [{"symbol": item.symbol, "open": item.held, **_figures(item.trades)} for item in tested],
        "total": _figures(trades),
        **_held(lots),
        "rule": _counts(tested),
        "notes": list(NOTES),
    }


def _counts(tested: Sequence[SymbolResult]) -> dict[str, int]:
    """Return in how many sessions of a symbol the stop was taken before the target, and in how many it was unknown."""
    return {
        "ambiguous": sum(item.ambiguous for item in tested),
        "without_stop": sum(item.without_stop for item in tested),
    }


def _held(lots: Sequence[OpenLot]) -> dict[str, Any]:
    """Return the open lots and their totals as JSON values."""
    return {"open_lots": [lot.row for lot in lots], "open_total": total(lots)}


def result_of_symbol(tested: SymbolResult, span: Span) -> dict[str, Any]:
    """Return the JSON result of one symbol."""
    return {
        "symbol": tested.symbol,
        "from": span.first.isoformat(),
        "to": span.last.isoformat(),
        "trades": [trade_row(trade) for trade in tested.trades],
        "net": to_rupees(sum(trade.net for trade in tested.trades)),
        "charges": to_rupees(sum(trade.charges for trade in tested.trades)),
        "winners": sum(trade.net > 0 for trade in tested.trades),
        "open": tested.held,
        "total": _figures(tested.trades),
        **_held(tested.lots),
        "rule": _counts([tested]),
        "notes": [ONE_SURVIVOR, *NOTES[1:]],
    }


def _figures(trades: Sequence[Trade]) -> dict[str, Any]:
    found = asdict(statistics(trades))
    shown = {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
    return shown | {name: to_rupees(found[name]) for name in AMOUNTS}


def _by_time(trade: Trade) -> tuple[Any, ...]:
    return trade.exit_session, trade.symbol, trade.entry_session, trade.quantity


def with_notes(
    found: dict[str, Any],
    parameters: Parameters,
    checked: LookAheadReport,
    lists_since: date | None = None,
    *,
    rule: Rule | None = None,
    name: str = ONE_LINE,
    values: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return a JSON result with its rule and with notes on its limits.

    The notes give the number of settings that could be fitted to the past, the result of the check for look-ahead, and the table
    of charges. `lists_since`: first date of the surveillance lists; None if they are not all stored. `rule`: an own rule; None
    for ema9-reversion. `name`: what the own rule is called. `values`: of its parameters, by name.
    """
    tunable = [name for name in names() if name not in NOT_TUNED and not (rule is not None and name in OF_REVERSION)]
    usual = Parameters()
    changed = {name: show(value) for name in tunable if (value := getattr(parameters, name)) != getattr(usual, name)}
    named = {key: show(float(value)) for key, value in (values or {}).items()}
    return found | {
        "rule": {"name": REVERSION if rule is None else name, **rule_texts(rule), "parameters": named, **found["rule"]},
        "settings": {"tunable": len(tunable), "changed": changed},
        "look_ahead": {
            "compared": checked.compared,
            "sessions": checked.sessions,
            "engine": checked.engine,
            "parts": list(checked.parts),
            "differences": list(checked.differences),
        },
        "charges_of": {"table": parameters.tariff.name, "title": parameters.tariff.title},
        "surveillance_since": lists_since.isoformat() if lists_since is not None else None,
        "notes": [
            *([] if rule is None else rule_notes(rule, found["rule"], named)),
            *found["notes"],
            charges_note(parameters.tariff),
            surveillance_note(found["from"], lists_since),
            tuned_note(len(tunable), len(changed)),
            checked_note(checked),
        ],
    }


def rule_texts(rule: Rule | None) -> dict[str, str | None]:
    """Return the texts of an own rule by part; None for a part that it does not have."""
    written = dict(rule.texts) if rule is not None else {}
    again = [text for name, text in written.items() if name.startswith("reentry ")]
    return {name: written.get(name) for name in PARTS} | {"reentry": "; ".join(again) or None}


def rule_notes(rule: Rule, counts: Mapping[str, int], values: Mapping[str, str]) -> list[str]:
    """Return the notes about an own rule. `counts`: as `_counts` returns them. `values`: of its parameters."""
    given = f"; with {', '.join(f'{name} {value}' for name, value in values.items())}" if values else ""
    found = [
        f"Rule: {'; '.join(f'{name} {text}' for name, text in rule.texts)}{given}. Each number in it can be fitted to the past.",
        "Not used: the score, the chart quality, the RSI levels and the other settings of ema9-reversion.",
    ]
    if rule.targets and rule.stops:
        found.append(
            f"In {counts['ambiguous']} sessions of a symbol the daily bar reached both the stop and the target: the extreme "
            "nearer to the open counts as first."
        )
    if rule.stops:
        found.append(
            "A stop sells at the price of the first minute at or below it, as sell-monitor does. A real sale can be lower still."
        )
    if counts["without_stop"]:
        found.append(
            f"In {counts['without_stop']} sessions of a symbol the stop was unknown (too few bars, or a division by zero): the "
            "shares had no stop."
        )
    return found


def charges_note(tariff: Tariff) -> str:
    """Return the note about charges."""
    return f"Charges are those of {tariff.title}, by date (`tradectl broker tables`)."


def surveillance_note(first: str, since: date | None) -> str:
    """Return the note about surveillance lists.

    `first`: ISO date of the backtest's start. `since`: first date on which all excluding measures have a stored list; None if a
    measure has none."""
    if since is None:
        return "Lists of GSM, ESM and long-term ASM are not all stored: shares on the missing lists are not excluded."
    if since.isoformat() > first:
        return f"Lists of GSM, ESM and long-term ASM are stored from {since} on: shares on earlier lists are not excluded."
    return "Shares are excluded while they were on a list of GSM, ESM or long-term ASM."


def tuned_note(tunable: int, changed: int) -> str:
    """Return the note about settings that could be fitted to the past."""
    return f"{tunable} settings can be changed, and {changed} differ from their defaults. Each one can be fitted to the past."


def checked_note(checked: LookAheadReport) -> str:
    """Return the note about the check for look-ahead."""
    if not checked.sessions:
        return "Look-ahead was not checked."
    made = f"{checked.engine} was run again up to each of {checked.sessions} evenings, without any later bar"
    compared = f"{checked.compared} comparisons of single symbols: {', '.join(checked.parts)}"
    if not checked.differences:
        return f"Look-ahead: {made}; {compared}; no difference."
    return f"LOOK-AHEAD: {made}; {compared}; {len(checked.differences)} differences, so this result is wrong."
