"""Write the report of a sweep in the format that the ending of its file names: a page, Markdown, JSON, CSV or XLSX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradectl.cli.invocation import Invocation, rounded
from tradectl.cli.report import format_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradectl.report.exports.tables import Table
    from tradectl.strategy.parameters import Parameters

FORMATS = ("html", "md", "json", "csv", "xlsx")
MONEY = frozenset({"net", "gross", "charges", "fall"})
WHOLE = frozenset({"rank", "trades", "wins"})
RATIOS = frozenset({"win_rate", "profit_factor", "average_percent", "average_days", "sharpe"})


def write_sweep(invocation: Invocation, file: Path, found: Mapping[str, Any], own: Parameters, text: str) -> str:
    """Write the report of a sweep and return its path.

    Args:
        found: The JSON result of the command `sweep`.
        own: The user's own settings.
        text: What the command prints.

    Raises:
        ConfigurationError: The file cannot be written, or the extra `xlsx` is missing.
    """
    from tradectl.bootstrap.reports import write_report

    write_report(file, _content(invocation, format_of(file, FORMATS), found, own, text))
    invocation.note(f"report: {file.absolute()}")
    return str(file.absolute())


def _content(invocation: Invocation, form: str, found: Mapping[str, Any], own: Parameters, text: str) -> bytes:
    from tradectl.clock import SystemClock
    from tradectl.report.exports.spreadsheets import csv_bytes, xlsx_bytes
    from tradectl.report_page.sweep_page import render_sweep
    from tradectl.strategy.parameters import names, show

    if form == "html":
        made_at = invocation.required_settings().at or SystemClock().now()
        return render_sweep(found, {name: show(getattr(own, name)) for name in names()}, made_at).encode()
    if form == "json":
        return f"{json.dumps(rounded(dict(found)), ensure_ascii=False, indent=1)}\n".encode()
    if form == "md":
        return f"# Sweep of {found['tried']} settings, {found['from']} to {found['to']}\n\n```\n{text}\n```\n".encode()
    return csv_bytes(settings_table(found)) if form == "csv" else xlsx_bytes([settings_table(found), notes_table(found)])


def settings_table(found: Mapping[str, Any]) -> Table:
    """Return a row for each setting, the best first: its differences, then its figures."""
    from tradectl.model.money import to_paise
    from tradectl.report.exports.tables import Kind, Table

    rows = [{**row["changes"], **{name: value for name, value in row.items() if name != "changes"}} for row in found["settings"]]
    kinds = dict.fromkeys(MONEY, Kind.MONEY) | dict.fromkeys(WHOLE, Kind.WHOLE) | dict.fromkeys(RATIOS, Kind.RATIO)
    columns = {name: kinds.get(name, Kind.TEXT) for row in rows for name in row}
    typed = [{name: to_paise(row[name]) if name in MONEY and name in row else row.get(name) for name in columns} for row in rows]
    return Table("settings", columns, typed)


def notes_table(found: Mapping[str, Any]) -> Table:
    """Return the notes on what the result is worth."""
    from tradectl.report.exports.tables import Kind, Table

    return Table("notes", {"note": Kind.TEXT}, [{"note": note} for note in found["notes"]])
