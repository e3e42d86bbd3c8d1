"""Give a report as JSON values, as Markdown and as CSV. Amounts are rupees as text with two decimals."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tradectl.model.money import to_rupees
from tradectl.report.exports.spreadsheets import harmless
from tradectl.report_page.content import Content, TradeLine
from tradectl.report_page.figures import Figures
from tradectl.report_page.tiles import CHARGE_NAMES, tiles_of

CSV_COLUMNS = (
    "symbol", "entry_session", "exit_session", "quantity", "entry_price", "exit_price", "gross", "charges", "net", "net_percent",
    "entry_rule", "exit_rule",
)  # fmt: skip

TEXTS = frozenset({"symbol", "entry_rule", "exit_rule"})
"""The columns whose values are text, so that a spreadsheet might compute them."""


def result_of(content: Content, figures: Figures) -> dict[str, Any]:
    """Return a report as JSON values. Ratios are fractions; `held` are shares at their last price."""
    curve = figures.curve
    trades = figures.trades
    return {
        "title": content.title,
        "source": str(content.source),
        "from": content.first.isoformat(),
        "to": content.last.isoformat(),
        "sessions": len(content.days),
        "before": to_rupees(content.before),
        "equity": to_rupees(content.equity),
        "result": to_rupees(figures.change),
        "gross": to_rupees(trades.gross),
        "net": to_rupees(trades.net),
        "charges": to_rupees(figures.charges),
        "charge_lines": {kind: to_rupees(amount) for kind, amount in content.charge_lines.items()},
        "received": to_rupees(figures.received),
        "figures": {
            "growth": figures.growth,
            "cagr": curve.cagr if curve else None,
            "drawdown": curve.drawdown if curve else None,
            "drawdown_from": curve.drawdown_from.isoformat() if curve and curve.drawdown_from else None,
            "drawdown_to": curve.drawdown_to.isoformat() if curve and curve.drawdown_to else None,
            "sharpe": curve.sharpe if curve else None,
            "sortino": figures.sortino,
            "volatility": figures.volatility,
            "exposure": figures.exposure,
            "win_rate": trades.win_rate,
            "profit_factor": trades.profit_factor,
            "average_days": trades.average_days,
        },
        "months": [
            {"month": f"{item.year}-{item.month:02d}", "result": to_rupees(item.change), "growth": item.growth}
            for item in figures.months
        ],
        "days": [
            {"session": item.session.isoformat(), "result": to_rupees(item.change), "growth": item.growth}
            for item in figures.days
        ],
        "trades": [trade_row(line) for line in content.trades],
        "held": [trade_row(line) for line in content.held],
        "skipped": content.skipped_total,
        "alerts": [{"title": item.title, "text": item.text, "command": item.command} for item in content.alerts],
        "notes": list(content.notes),
    }


def trade_row(line: TradeLine) -> dict[str, Any]:
    """Return a trade, or shares that are held, as JSON values by CSV_COLUMNS."""
    return {
        "symbol": line.symbol,
        "entry_session": line.entry_session.isoformat(),
        "exit_session": line.exit_session.isoformat() if line.exit_session else None,
        "quantity": line.quantity,
        "entry_price": to_rupees(line.entry_price),
        "exit_price": to_rupees(line.exit_price) if line.exit_price is not None else None,
        "gross": to_rupees(line.gross),
        "charges": to_rupees(line.charges),
        "net": to_rupees(line.net),
        "net_percent": round(line.percent, 4),
        "entry_rule": line.entry_rule,
        "exit_rule": line.exit_rule,
    }


def csv_of(content: Content) -> str:
    """Return the trades, and the shares that are held, as CSV with a header. Text that a spreadsheet would compute is quoted."""
    written = io.StringIO()
    writer = csv.DictWriter(written, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    rows = (trade_row(line) for line in (*content.trades, *content.held))
    writer.writerows({name: harmless(row[name]) if name in TEXTS else row[name] for name in CSV_COLUMNS} for row in rows)
    return written.getvalue()


def markdown_of(content: Content, figures: Figures) -> str:
    """Return the report as Markdown: alerts, headline figures, months, charges and trades."""
    parts = [f"# {escaped(content.title)}", f"{escaped(content.user)}, {content.mode}, {content.first} to {content.last}, rupees"]
    if content.alerts:
        alerts = [f"- **{escaped(item.title)}** {escaped(item.text)} `{item.command}`" for item in content.alerts]
        parts.append("\n".join(["## Look at this first", "", *alerts]))
    tiles = [(tile.name, tile.value, tile.note) for tile in tiles_of(content, figures)]
    parts.append(f"## Figures\n\n{_table(('figure', 'value', 'note'), tiles)}")
    if figures.months:
        rows = [(f"{item.year}-{item.month:02d}", to_rupees(item.change), f"{100 * item.growth:.2f}") for item in figures.months]
        parts.append(f"## Months\n\n{_table(('month', 'result', 'per cent'), rows)}")
    if content.charge_lines:
        rows = [(CHARGE_NAMES[kind], to_rupees(amount), "") for kind, amount in content.charge_lines.items()]
        parts.append(f"## Charges\n\n{_table(('kind', 'amount', ''), rows)}")
    for title, lines in (("Trades", content.trades), ("Held", content.held)):
        if lines:
            parts.append(f"## {title}\n\n{_table(CSV_COLUMNS, [tuple(trade_row(line).values()) for line in lines])}")
    return "\n\n".join(parts) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(escaped('' if cell is None else str(cell)) for cell in line)} |" for line in lines)


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    for mark in ("\\", "|", "*", "_", "<", "`"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Return values as one line of block characters, at most `width`; each block is the last value of its part."""
    if not values:
        return ""
    count = min(width, len(values))
    shown = [values[(place + 1) * len(values) // count - 1] for place in range(count)]
    low, high = min(shown), max(shown)
    if high == low:
        return BLOCKS[0] * len(shown)
    return "".join(BLOCKS[round((value - low) / (high - low) * (len(BLOCKS) - 1))] for value in shown)


def months_line(months: Sequence[Mapping[str, Any]]) -> str:
    """Return the results of the newest twelve months on one line: `Jan +1.2  Feb -0.4`, in per cent."""
    return "  ".join(f"{item['month'][2:]} {100 * item['growth']:+.2f}" for item in months[-12:])
