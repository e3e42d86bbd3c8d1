"""Render a report as one HTML file that needs nothing else: no network, no other file, no server.

Scripts and styles are inside the page. Its content security policy names their hashes and forbids every request, so text from a
ledger can neither run nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tradectl.model.moment import to_ist
from tradectl.model.money import show_rupees
from tradectl.report_page.calendar import calendar_of, month_rows
from tradectl.report_page.content import Content
from tradectl.report_page.figures import Figures, figures_of
from tradectl.report_page.payload import as_json, bars, candle_data, page_data
from tradectl.report_page.tiles import CHARGE_NAMES, compared, money, number, ratio, tiles_of, tone

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
FOLDER = Path(__file__).parent
SCRIPTS = ("theme.js", "charts.js", "trades.js", "page.js")
LIBRARY = "lightweight-charts.standalone.production.js"


def render(content: Content) -> str:
    """Return the page of a report."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "rupees": show_rupees,
        "signed": money,
        "percent": ratio,
        "clock": lambda moment: f"{to_ist(moment):%H:%M:%S}",
        "moment": lambda moment: f"{to_ist(moment):%Y-%m-%d %H:%M}",
        "tone": tone,
        "number": number,
        "unbroken": unbroken,
        "whole": lambda value: str(value).replace("-", "−"),
    }
    figures = figures_of(content)
    style = _asset("report.css")
    scripts = [_asset(LIBRARY), "\n".join(_asset(name) for name in SCRIPTS)]
    return environment.get_template("report.html").render(
        content=content,
        figures=figures,
        style=style,
        scripts=scripts,
        policy=_policy(style, scripts),
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


def unbroken(text: str) -> Any:
    """Return text as safe HTML in which no line ends inside a date."""
    from markupsafe import Markup, escape

    return Markup(DATE.sub(r'<span class="nb">\g<0></span>', str(escape(text))))


def _without_empty_ends(buckets: Sequence[Any]) -> Sequence[Any]:
    used = [place for place, bucket in enumerate(buckets) if bucket.count]
    return buckets[used[0] : used[-1] + 1] if used else ()


def _asset(name: str) -> str:
    return (FOLDER / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Return the content security policy: these scripts and this style, and no request to anywhere."""
    return (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
