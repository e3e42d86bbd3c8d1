"""Draw a report as one PNG for a phone: equity, trades, and what was bought. matplotlib is in the extra `pictures`."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError
from tradectl.model.money import grouped, show_rupees
from tradectl.report_page.content import Content, Day
from tradectl.report_page.figures import figures_of
from tradectl.report_page.tiles import money, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, DOTS = 6.0, 180
"""Inches, and dots per inch: the picture is 1080 pixels wide, as a phone is."""
CURVE, HEAD, ROW, MARGIN = 2.2, 1.7, 0.34, 0.1
"""The height in inches of the equity, of titles and margins, and of one trade; and the margin around each part."""
GAIN, LOSS, LINE, QUIET = "#12703c", "#b3261e", "#1f5fa8", "#5a626c"
MOST_TRADES, LEAST_ROWS, MOST_NAMED = 12, 2, 8
"""How many trades are drawn, those with the largest results; for how many there is room at least; how many buys are named."""
SIZE = 11
"""Points. On a phone of 360 points width a letter is as large as in its other texts."""


def draw(content: Content, curve: Sequence[Day] = ()) -> bytes:
    """Return a PNG: the headline, the equity, the net of the closed trades, and the buys of one session.

    `curve`: the sessions of the equity; default: those of the report. Raises ConfigurationError if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError("a PNG needs matplotlib: `pip install 'tradectl[pictures]'`") from error
    days = curve or content.days
    trades = ROW * max(min(len(content.trades), MOST_TRADES), LEAST_ROWS)
    heights = [CURVE, trades] if len(days) > 1 else [trades]
    figure = Figure(figsize=(WIDTH, HEAD + sum(heights)), dpi=DOTS, facecolor="white")
    figure.set_layout_engine("constrained", w_pad=MARGIN, h_pad=MARGIN)
    FigureCanvasAgg(figure)
    _headline(figure, content)
    panes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    if len(days) > 1:
        _equity(panes[0], days)
    _trades(panes[-1], content)
    written = BytesIO()
    figure.savefig(written, format="png", metadata={"Software": "tradectl"})
    return written.getvalue()


def _headline(figure: Figure, content: Content) -> None:
    figures = figures_of(content)
    trades = f"net of {figures.trades.trades} trades {money(figures.trades.net)}"
    nothing = "no statistics of this day" if content.has_account else trades
    result = f"{money(figures.change)} ({ratio(figures.growth)})" if content.days else nothing
    figure.suptitle(_literal(f"{content.title}\n{result}"), fontsize=SIZE + 2)


def _literal(text: str) -> str:
    """Return text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def _equity(axes: Axes, days: Sequence[Day]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.plot([day.session for day in days], [day.equity / 100 for day in days], color=LINE, linewidth=2)  # type: ignore[arg-type]
    _title(axes, f"Equity of {len(days)} sessions: {grouped(round(days[-1].equity / 100))}")
    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
    axes.locator_params(axis="y", nbins=5)
    _plain(axes)
    axes.yaxis.set_major_formatter(lambda value, _: grouped(round(value)))


def _trades(axes: Axes, content: Content) -> None:
    """Draw the net of the closed trades with the largest results as bars, the best on top, and name the buys of one session."""
    lines = sorted(content.trades, key=lambda line: -abs(line.net))[:MOST_TRADES]
    lines.sort(key=lambda line: line.net)
    many = f"{len(lines)} of {len(content.trades)}" if len(lines) < len(content.trades) else f"{len(lines)}"
    title = f"Net of {many} closed trade{'s' if len(content.trades) != 1 else ''}" if lines else "No trade was closed"
    _title(axes, f"{title}; lots held: {len(content.held)}")
    axes.barh(range(len(lines)), [line.net / 100 for line in lines], color=[GAIN if line.net > 0 else LOSS for line in lines])
    axes.set_yticks(range(len(lines)), [_literal(f"{line.symbol}  {money(line.net)}") for line in lines])
    axes.set_ylim(-0.6, max(len(lines), LEAST_ROWS) - 0.4)
    axes.locator_params(axis="x", nbins=4)
    _plain(axes)
    axes.xaxis.set_major_formatter(lambda value, _: grouped(round(value)))
    if not lines:
        axes.set_xticks([])
        axes.spines[["bottom", "left"]].set_visible(False)
    if content.one_session:
        axes.set_xlabel(_literal(_bought(content)), loc="left", fontsize=SIZE, color=QUIET)


def _bought(content: Content) -> str:
    """Return the buys of the session that were not sold in it, two on a line."""
    lines = [line for line in content.held if line.entry_session == content.last]
    named = [f"{line.quantity} {line.symbol} at {show_rupees(line.entry_price)}" for line in lines[:MOST_NAMED]]
    if len(lines) > MOST_NAMED:
        named.append(f"{len(lines) - MOST_NAMED} more")
    rows = [", ".join(named[place : place + 2]) for place in range(0, len(named), 2)]
    return "Bought: " + ",\n".join(rows) if rows else "Nothing was bought to hold"


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=SIZE, color=QUIET)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SIZE - 1)
    axes.grid(color="#d9dde2", linewidth=0.6)
    axes.set_axisbelow(True)
