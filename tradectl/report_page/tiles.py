"""Word the headline figures of a report: for the tiles of its page, and as lines of text."""

from __future__ import annotations

from msgspec import Struct

from tradectl.backtest.metrics import CurveFigures, curve_figures
from tradectl.model.money import show_rupees
from tradectl.report_page.content import Content, TradeLine
from tradectl.report_page.figures import Figures, Streak, equity_curve

CHARGE_NAMES = {
    "brokerage": "Brokerage",
    "stt": "STT",
    "transaction": "Exchange transaction",
    "ipft": "IPFT",
    "sebi": "SEBI fee",
    "stamp": "Stamp duty",
    "gst": "GST",
    "dp": "DP charge with GST",
    "other": "Not by the table",
}


class Tile(Struct, frozen=True):
    """A headline figure: its name, its value, a line that explains it, and `gain`, `loss` or empty."""

    name: str
    value: str
    note: str = ""
    tone: str = ""


class Compared(Struct, frozen=True):
    """The figures of one curve: the account, or what the same money would have earned elsewhere."""

    name: str
    figures: CurveFigures


def tiles_of(content: Content, figures: Figures) -> tuple[Tile, ...]:
    """Return the headline figures, the most important first."""
    trades, curve = figures.trades, figures.curve
    equity = [
        Tile(
            "Result",
            money(figures.change),
            f"equity {show_rupees(content.before)} to {show_rupees(content.equity)}",
            tone(figures.change),
        ),
        Tile(
            "Growth",
            ratio(figures.growth),
            f"{len(content.days)} session{'' if len(content.days) == 1 else 's'}",
            tone(figures.growth or 0),
        ),
    ]
    found = [
        *(equity if content.has_account else []),
        Tile("Net of closed trades", money(trades.net), f"gross {money(trades.gross)}", tone(trades.net)),
        Tile("Charges", show_rupees(figures.charges), _share(figures.charges, trades.gross)),
        Tile("Trades", str(trades.trades), f"{trades.wins} with a gain, lots held: {len(content.held)}"),
    ]
    if trades.trades:
        found += [
            Tile("Won", ratio(trades.win_rate, sign=False), f"profit factor {number(trades.profit_factor)}"),
            Tile("Average trade", ratio((trades.average_percent or 0) / 100), f"held {number(trades.average_days, 1)} days"),
            Tile("Best trade", *_trade(trades.best), "gain" if trades.best and trades.best.net > 0 else ""),
            Tile("Worst trade", *_trade(trades.worst), "loss" if trades.worst and trades.worst.net < 0 else ""),
        ]
    if trades.trades > 1:
        found.append(
            Tile("Streaks", f"{trades.winning.trades} / {trades.losing.trades}", _streaks(trades.winning, trades.losing))
        )
    if curve is not None and len(content.days) > 1:
        found += [
            Tile("Largest drawdown", ratio(-curve.drawdown), _span(curve), "loss" if curve.drawdown else ""),
            Tile("A year", ratio(curve.cagr), "compound growth" if curve.cagr is not None else "needs 330 days"),
            Tile("Sharpe", number(curve.sharpe), "of daily returns" if curve.sharpe is not None else "needs 20 sessions"),
            Tile("Sortino", number(figures.sortino), f"volatility {ratio(figures.volatility, sign=False)}"),
            Tile("Exposure", ratio(figures.exposure, sign=False), "mean share of the equity in shares"),
        ]
    if figures.received:
        found.append(Tile("Dividends", show_rupees(figures.received), "and cash for fractions of shares"))
    return tuple(found)


def compared(content: Content) -> tuple[Compared, ...]:
    """Return the figures of the account and of each benchmark; empty without a benchmark."""
    if not content.benchmarks or not content.days:
        return ()
    dates, worth = equity_curve(content)
    start = worth[: len(dates) - len(content.days)]
    curves = {"This account": [float(day.equity) for day in content.days], **content.benchmarks}
    return tuple(Compared(name, curve_figures(dates, [*start, *values])) for name, values in curves.items())


def money(paise: int) -> str:
    """Return rupees with their sign: `+1,234.50`."""
    return f"{'+' if paise > 0 else '−' if paise < 0 else ''}{show_rupees(abs(paise))}"


def ratio(value: float | None, *, sign: bool = True) -> str:
    """Return a fraction as per cent: `+1.23 %`; a dash for None."""
    if value is None:
        return "–"
    text = f"{abs(100 * value):.2f}"
    before = "" if not sign or float(text) == 0 else "+" if value > 0 else "−"
    return f"{before}{text} %"


def number(value: float | None, places: int = 2) -> str:
    """Return a number; a dash for None."""
    return "–" if value is None else f"{round(value, places) + 0.0:.{places}f}".replace("-", "−")


def tone(value: float) -> str:
    """Return the name of a gain or a loss; empty for neither."""
    return "gain" if value > 0 else "loss" if value < 0 else ""


def _share(charges: int, gross: int) -> str:
    return f"{ratio(charges / gross, sign=False)} of the gross gain" if gross > 0 else "of all fills"


def _trade(line: TradeLine | None) -> tuple[str, str]:
    return (money(line.net), f"{line.symbol} {line.exit_session}") if line is not None else ("–", "")


def _streaks(winning: Streak, losing: Streak) -> str:
    return f"gains {money(winning.net)}, losses {money(losing.net)}"


def _span(curve: CurveFigures) -> str:
    return f"{curve.drawdown_from} to {curve.drawdown_to}" if curve.drawdown_from else "no fall"
