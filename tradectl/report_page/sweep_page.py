"""Render the result of a sweep as one HTML file: what may be luck, a heat map of two settings, the settings, the walk-forward."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tradectl.report_page.heat_map import heat_map
from tradectl.report_page.templating import asset, fill, made

SHOWN = 200
"""How many settings a page lists, the best ones."""


def render_sweep(found: Mapping[str, Any], own: Mapping[str, str], made_at: datetime) -> str:
    """Return the page of a sweep.

    Args:
        found: The JSON result of the command `sweep`.
        own: The user's own value of each setting, as `config set` writes it.
        made_at: The moment that the page shows.
    """
    name = f"Sweep of {found['tried']} settings"
    subtitle = f"{found['instruments']} instruments, each alone · {found['from']} to {found['to']} · {made(made_at)}"
    return fill(
        "sweep.html",
        ["\n".join(asset(file) for file in ("theme.js", "still.js"))],
        title=name,
        subtitle=subtitle,
        found=found,
        grid=heat_map(found["settings"], own),
        shown=SHOWN,
        spreads=_spreads(found),
        words=words,
    )


def words(changes: Mapping[str, str]) -> str:
    """Return the changes of a setting as `config set` writes them."""
    return " ".join(f"{name}={value}" for name, value in changes.items()) or "your own settings"


def _spreads(found: Mapping[str, Any]) -> list[tuple[str, Mapping[str, str]]]:
    """Return the names and the quantiles of what was drawn."""
    drawn = found["monte_carlo"]
    rows = [
        ("Net of random samples of its trades", drawn["sample"]["net"]),
        ("Drawdown with its trades in random order", drawn["order"]["fall"]),
    ]
    if found["random_entries"]:
        rows.append(("Net of as many random entries", found["random_entries"]["drawn"]))
    return rows
