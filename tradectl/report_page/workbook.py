"""Give a report as an XLSX workbook: summary, trades, fills, days, charges and skipped buys, with amounts as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tradectl.report.exports.spreadsheets import xlsx_bytes
from tradectl.report.exports.tables import FILL_COLUMNS, Kind, Table, fill_rows
from tradectl.report_page.content import Content, Skipped, TradeLine
from tradectl.report_page.figures import Figures
from tradectl.report_page.tiles import CHARGE_NAMES

SUMMARY = {"figure": Kind.TEXT, "rupees": Kind.MONEY, "ratio": Kind.RATIO, "number": Kind.WHOLE, "text": Kind.TEXT}
TRADES = {
    "symbol": Kind.TEXT, "instrument_id": Kind.TEXT, "held": Kind.YES_NO, "entry_session": Kind.DAY, "entry_at": Kind.MOMENT,
    "exit_session": Kind.DAY, "exit_at": Kind.MOMENT, "days": Kind.WHOLE, "quantity": Kind.WHOLE, "entry_price": Kind.MONEY,
    "exit_price": Kind.MONEY, "cost": Kind.MONEY, "gross": Kind.MONEY, "charges": Kind.MONEY, "net": Kind.MONEY,
    "net_ratio": Kind.RATIO, "entry_rule": Kind.TEXT, "exit_rule": Kind.TEXT, "why": Kind.TEXT,
}  # fmt: skip
DAYS = {
    "session": Kind.DAY, "equity": Kind.MONEY, "change": Kind.MONEY, "growth": Kind.RATIO, "holdings": Kind.MONEY,
    "charges": Kind.MONEY, "received": Kind.MONEY, "closed": Kind.WHOLE, "open_positions": Kind.WHOLE,
}  # fmt: skip
CHARGES = {"kind": Kind.TEXT, "name": Kind.TEXT, "amount": Kind.MONEY}
SKIPPED = {"session": Kind.DAY, "task": Kind.TEXT, "symbol": Kind.TEXT, "verdict": Kind.TEXT, "reason": Kind.TEXT}


def workbook_of(content: Content, figures: Figures) -> bytes:
    """Return the workbook of a report. Ratios are fractions. Raises ConfigurationError without the extra `xlsx`."""
    charges = [{"kind": kind, "name": CHARGE_NAMES[kind], "amount": amount} for kind, amount in content.charge_lines.items()]
    days = [
        {name: getattr(day, name) for name in DAYS if name not in {"change", "growth"}}
        | {"change": result.change, "growth": result.growth}
        for day, result in zip(content.days, figures.days, strict=True)
    ]
    return xlsx_bytes(
        [
            Table("summary", SUMMARY, [dict.fromkeys(SUMMARY) | row for row in _summary(content, figures)]),
            Table("trades", TRADES, [_trade(line, content) for line in (*content.trades, *content.held)]),
            Table("fills", FILL_COLUMNS, fill_rows(content.fills)),
            Table("days", DAYS, days),
            Table("charges", CHARGES, charges),
            Table("skipped", SKIPPED, [_skipped(item) for item in content.skipped]),
        ]
    )


def _trade(line: TradeLine, content: Content) -> dict[str, Any]:
    return {name: getattr(line, name) for name in TRADES if name in line.__struct_fields__} | {
        "held": line.exit_session is None,
        "days": line.days(content.last),
        "net_ratio": line.net / line.cost if line.cost else None,
    }


def _skipped(item: Skipped) -> dict[str, Any]:
    return {name: getattr(item, name) for name in SKIPPED}


def _summary(content: Content, figures: Figures) -> Iterator[dict[str, Any]]:
    """Yield a row for each figure, alert and note; each figure is in the column of its kind."""
    for alert in content.alerts:
        yield {"figure": "look at this first", "text": f"{alert.title}: {alert.text} {alert.command}".rstrip()}
    span = f"{content.first}" if content.one_session else f"{content.first} to {content.last}"
    for name, text in (("title", content.title), ("user", f"{content.user}, {content.mode}"), ("span", span)):
        yield {"figure": name, "text": text}
    trades, curve = figures.trades, figures.curve
    for name, amount in (
        ("equity before", content.before), ("equity", content.equity), ("result", figures.change), ("gross", trades.gross),
        ("charges of these trades", trades.charges), ("net", trades.net), ("charges of all fills", figures.charges),
        ("dividends and cash for fractions", figures.received),
    ):  # fmt: skip
        yield {"figure": name, "rupees": amount}
    for name, ratio in (
        ("growth", figures.growth), ("growth a year", curve.cagr if curve else None),
        ("largest drawdown", curve.drawdown if curve else None), ("Sharpe", curve.sharpe if curve else None),
        ("Sortino", figures.sortino), ("volatility", figures.volatility), ("exposure", figures.exposure),
        ("win rate", trades.win_rate), ("profit factor", trades.profit_factor), ("average days", trades.average_days),
    ):  # fmt: skip
        yield {"figure": name, "ratio": ratio}
    for name, count in (
        ("sessions", len(content.days)), ("closed trades", trades.trades), ("winners", trades.wins),
        ("held lots", len(content.held)), ("skipped buys", content.skipped_total),
        ("skipped buys that are listed", len(content.skipped)),
    ):  # fmt: skip
        yield {"figure": name, "number": count}
    for item in content.orders:
        yield {"figure": f"orders {item.status}", "number": item.count}
    for note in content.notes:
        yield {"figure": "note", "text": note}
