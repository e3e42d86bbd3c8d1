"""Render a report as one HTML file that needs nothing else: no network, no other file, no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradectl.report_page.calendar import calendar_of, month_rows
from tradectl.report_page.content import Content
from tradectl.report_page.figures import Figures, figures_of
from tradectl.report_page.payload import as_json, bars, candle_data, page_data
from tradectl.report_page.templating import asset, fill, made
from tradectl.report_page.tiles import CHARGE_NAMES, compared, tiles_of

SCRIPTS = ("theme.js", "charts.js", "trades.js", "candles.js", "page.js")
LIBRARY = "lightweight-charts.standalone.production.js"


def render(content: Content) -> str:
    """Return the page of a report."""
    figures = figures_of(content)
    span = f"{content.first}" if content.one_session else f"{content.first} to {content.last}"
    return fill(
        "report.html",
        [asset(LIBRARY), "\n".join(asset(name) for name in SCRIPTS)],
        title=content.title,
        subtitle=f"{content.user}, {content.mode} · {span} · {made(content.made_at)}",
        content=content,
        figures=figures,
        data=as_json(page_data(content)),
        candles=candle_data(content.candles),
        **_parts(content, figures),
    )


def _parts(content: Content, figures: Figures) -> dict[str, Any]:
    """Return the values that the template repeats: tiles, tables and the lengths of their bars."""
    charges = [(CHARGE_NAMES[kind], amount) for kind, amount in content.charge_lines.items()]
    shown = _without_empty_ends(figures.buckets)
    return {
        "tiles": tiles_of(content, figures),
        "compared": compared(content),
        "month_rows": month_rows(figures.months),
        "calendar": calendar_of(figures.days),
        "charges": list(zip(charges, bars(amount for _, amount in charges), strict=True)),
        "symbols": list(zip(figures.symbols, bars(item.net for item in figures.symbols), strict=True)),
        "buckets": list(zip(shown, bars(item.count for item in shown), strict=True)),
        "held": content.held,
        "sessions": len(content.days),
    }


def _without_empty_ends(buckets: Sequence[Any]) -> Sequence[Any]:
    used = [place for place, bucket in enumerate(buckets) if bucket.count]
    return buckets[used[0] : used[-1] + 1] if used else ()
