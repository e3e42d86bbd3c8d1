"""Write a table as CSV, JSON Lines or XLSX.

A spreadsheet runs a cell that begins with = + - @, a tab or a carriage return as a formula. In CSV and XLSX such a text gets an
apostrophe in front, and a control character becomes a space. Numbers are not texts: a loss stays the number -12.50.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from tradectl.errors import ConfigurationError
from tradectl.model.moment import to_ist
from tradectl.model.money import to_rupees
from tradectl.report.exports.tables import Kind, Table

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula, also one with spaces in front, on one line: a reader may take a single
    carriage return for the end of a row."""
    line = _CONTROLS.sub(" ", text)
    return f"'{line}" if text.startswith(FORMULA) or line.lstrip().startswith(FORMULA) else line


def csv_bytes(table: Table) -> bytes:
    """Return a line of names, and a line for each row: rupees with two decimals, dates and moments (IST) in ISO form."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow(_csv_cell(kind, row[name]) for name, kind in table.columns.items())
    return text.getvalue().encode()


def _csv_cell(kind: Kind, value: Any) -> Any:
    shown = plain(kind, value)
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    return harmless(shown) if kind is Kind.TEXT and shown else shown


def json_lines(table: Table) -> bytes:
    """Return one JSON object a line, with the values of `--json`: rupees as text with two decimals, null for no value."""
    return b"".join(_line({name: plain(kind, row[name]) for name, kind in table.columns.items()}) for row in table.rows)


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def plain(kind: Kind, value: Any) -> Any:
    """Return a value of a table as a JSON value."""
    if value is None:
        return None
    if kind is Kind.MONEY:
        return to_rupees(value)
    if kind is Kind.DAY:
        return value.isoformat()
    if kind is Kind.MOMENT:
        return to_ist(value).isoformat()
    return str(value) if kind is Kind.TEXT else value


def xlsx_bytes(tables: Iterable[Table]) -> bytes:
    """Return a workbook with a sheet for each table. Raises ConfigurationError without XlsxWriter."""
    try:
        import xlsxwriter
    except ImportError as missing:
        raise ConfigurationError("XLSX needs the extra `xlsx`: pip install 'tradectl[xlsx]'") from missing
    written = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(written, options) as book:
        bold = book.add_format({"bold": True})
        formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
        for table in tables:
            sheet = book.add_worksheet(table.name)
            sheet.write_row(0, 0, table.columns, bold)
            sheet.freeze_panes(1, 0)
            for line, row in enumerate(table.rows, 1):
                for place, (name, kind) in enumerate(table.columns.items()):
                    _write(sheet, (line, place), kind, row[name], formats.get(kind))
            sheet.autofit()
    return written.getvalue()


_FORMATS = {Kind.MONEY: "0.00", Kind.DAY: "yyyy-mm-dd", Kind.MOMENT: "yyyy-mm-dd hh:mm:ss", Kind.RATIO: "0.000000"}


def _write(sheet: Any, cell: tuple[int, int], kind: Kind, value: Any, form: Any) -> None:
    """Write a cell with the type of its kind. A spreadsheet has no time zones, so a moment is Indian time."""
    if value is None or value == "":
        return
    if kind is Kind.MONEY:
        sheet.write_number(*cell, value / 100, form)
    elif kind in {Kind.WHOLE, Kind.RATIO}:
        sheet.write_number(*cell, value, form)
    elif kind is Kind.YES_NO:
        sheet.write_boolean(*cell, value)
    elif isinstance(value, datetime):
        sheet.write_datetime(*cell, to_ist(value).replace(tzinfo=None), form)
    elif isinstance(value, date):
        sheet.write_datetime(*cell, value, form)
    else:
        sheet.write_string(*cell, harmless(str(value)))
