"""Draw a report as one PNG for a message: equity, and the results of trades. matplotlib is in the extra `pictures`."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError
from tradectl.model.money import grouped
from tradectl.report_page.content import Content
from tradectl.report_page.figures import figures_of
from tradectl.report_page.tiles import money, ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = (7.2, 4.8)
DOTS = 110
"""Dots per inch: the picture has 792 x 528 pixels."""
GAIN, LOSS, LINE, QUIET = "#12703c", "#b3261e", "#1f5fa8", "#5a626c"
MOST_TRADES, LEAST_ROWS = 12, 6
"""How many trades are drawn, those with the largest results; and for how many there is room at least."""


def draw(content: Content) -> bytes:
    """Return a PNG: the headline, the equity of the period, and the net of its trades.

    Raises ConfigurationError if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError("a PNG needs matplotlib: `pip install 'tradectl[pictures]'`") from error
    figures = figures_of(content)
    figure = Figure(figsize=INCHES, dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_literal(f"{content.title}: {money(figures.change)} ({ratio(figures.growth)})"), fontsize=12)
    curve = len(content.days) > 1
    panes = figure.subplots(2 if curve else 1, 1, squeeze=False)[:, 0]
    if curve:
        _equity(panes[0], content)
    _trades(panes[-1], content)
    written = BytesIO()
    figure.savefig(written, format="png", metadata={"Software": "tradectl"})
    return written.getvalue()


def _literal(text: str) -> str:
    """Return text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")


def _equity(axes: Axes, content: Content) -> None:
    days = [day.session for day in content.days]
    axes.plot(days, [day.equity / 100 for day in content.days], color=LINE, linewidth=1.5)  # type: ignore[arg-type]
    axes.set_title("Equity", loc="left", fontsize=9, color=QUIET)
    _plain(axes)
    axes.yaxis.set_major_formatter(lambda value, _: grouped(round(value)))


def _trades(axes: Axes, content: Content) -> None:
    """Draw the net of the closed trades with the largest results as bars, the best first."""
    lines = sorted(content.trades, key=lambda line: -abs(line.net))[:MOST_TRADES]
    lines.sort(key=lambda line: line.net)
    title = f"Net of {len(lines)} of {len(content.trades)} closed trades" if content.trades else "No trade was closed"
    axes.set_title(f"{title}; lots held: {len(content.held)}", loc="left", fontsize=9, color=QUIET)
    places = range(len(lines))
    axes.barh(places, [line.net / 100 for line in lines], color=[GAIN if line.net > 0 else LOSS for line in lines])
    axes.set_yticks(places, [_literal(f"{line.symbol}  {money(line.net)}") for line in lines])
    axes.set_ylim(-0.6, max(len(lines), LEAST_ROWS) - 0.4)
    _plain(axes)
    axes.xaxis.set_major_formatter(lambda value, _: grouped(round(value)))


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(color="#d9dde2", linewidth=0.6)
    axes.set_axisbelow(True)
