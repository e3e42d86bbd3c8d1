"""Fill a template with values, its styles and its scripts.

The page's content security policy names the hashes of these scripts and of the style, and forbids every request. So text from a
ledger can neither run nor load anything.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradectl.model.moment import to_ist
from tradectl.model.money import show_rupees, to_paise
from tradectl.report_page.tiles import money, number, ratio, tone

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def fill(template: str, scripts: Sequence[str], **values: Any) -> str:
    """Return a page. `scripts`: the code of each script element, in order; the page runs no other."""
    style = asset("report.css")
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment_of().get_template(template).render(style=style, scripts=scripts, policy=policy, **values)


@cache
def environment_of(*folders: Path) -> Environment:
    """Return the environment of the templates of a report, and of those in further folders."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([FOLDER / "templates", *folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "rupees": show_rupees,
        "signed": money,
        "percent": ratio,
        "number": number,
        "paise": to_paise,
        "share": lambda value: ratio(None if value is None else value / 100, sign=False),
        "per": lambda value: ratio(None if value is None else value / 100),
        "clock": lambda moment: f"{to_ist(moment):%H:%M:%S}",
        "tone": tone,
        "unbroken": unbroken,
        "whole": lambda value: str(value).replace("-", "−"),
    }
    return environment


def asset(name: str) -> str:
    """Return the text of a file of `assets`."""
    return (FOLDER / "assets" / name).read_text(encoding="utf-8")


def made(at: datetime) -> str:
    """Return the end of a page's subtitle: the unit of its amounts, and when it was made."""
    return f"amounts in rupees · made {to_ist(at):%Y-%m-%d %H:%M} IST"


def unbroken(text: str) -> Any:
    """Return text as safe HTML in which no line ends inside a date."""
    from markupsafe import Markup, escape

    return Markup(DATE.sub(r'<span class="nb">\g<0></span>', str(escape(text))))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
