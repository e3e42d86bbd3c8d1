"""Write the figures of a year as an Excel workbook for the accountant. Needs the extra `xlsx`.

Every text is stored as text, so that no cell of a paper becomes a formula.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradectl.errors import ConfigurationError
from tradectl.papers.tax_values import WINDOWS
from tradectl.tax.rules import NOT_ADVICE, all_rules

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MONEY = "#,##0.00"
_AMOUNTS = frozenset(
    {"proceeds", "price", "actual_cost", "fair_value", "cost", "expenses", "gain", "profits", "losses", "entry_price"}
    | {"deducted", "not_deducted", "doubtful", "deemed_dividend", *WINDOWS}
)


def workbook(year: Mapping[str, Any], lots: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the workbook of a year as `tax_values.year_value` gives it. Raises ConfigurationError without openpyxl."""
    try:
        from openpyxl import Workbook
    except ImportError as error:
        raise ConfigurationError("Excel files need openpyxl: pip install 'tradectl[xlsx]'") from error
    book = Workbook()
    first = book.active
    assert first is not None
    _summary(first, year)
    _sheet(book.create_sheet("Disposals"), [_flat(item) for item in year["disposals"]])
    _sheet(book.create_sheet("Same day"), [_flat(item) for item in year["speculative"]])
    _sheet(book.create_sheet("Lots held"), [_flat(item) for item in lots])
    _sheet(book.create_sheet("Doubts"), year["doubts"])
    rules = [
        {"item": row.item, "since": row.since.isoformat(), "value": row.value, "unit": row.unit}
        | {"source": row.source, "unsure": "unsure" if row.unsure else ""}
        for row in all_rules()
    ]
    _sheet(book.create_sheet("Rules"), rules)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _summary(sheet: Worksheet, year: Mapping[str, Any]) -> None:
    sheet.title = "Summary"
    _write(sheet, [f"Financial year {year['year']}"])
    _write(sheet, [NOT_ADVICE])
    _write(sheet, [])
    _table(sheet, [{**{k: v for k, v in item.items() if k != "windows"}, **item["windows"]} for item in year["buckets"]])
    _write(sheet, [])
    for name in ("exemption", "exempt", "deemed_dividends", "dividends"):
        _write(sheet, [name.replace("_", " "), year[name]], money={1})
    for name, amount in year["charges"].items():
        _write(sheet, [f"charges {name.replace('_', ' ')}", amount], money={1})
    for name, amount in year["charge_lines"].items():
        _write(sheet, [f"all trades of the year: {name}", amount], money={1})
    sheet.column_dimensions["A"].width = 32


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value with nested charges and lists in columns of their own."""
    found: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, Mapping):
            found.update({f"{name} {key}": part for key, part in value.items()})
        else:
            found[name] = ", ".join(value) if isinstance(value, list) else value
    return found


def _sheet(sheet: Worksheet, rows: Sequence[Mapping[str, Any]]) -> None:
    _table(sheet, rows)
    sheet.freeze_panes = "A2"


def _table(sheet: Worksheet, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        _write(sheet, ["none"])
        return
    names = list(rows[0])
    _write(sheet, [name.replace("_", " ") for name in names], bold=True)
    money = {place for place, name in enumerate(names) if name in _AMOUNTS or name.rpartition(" ")[2] in _AMOUNTS}
    for row in rows:
        _write(sheet, [row[name] for name in names], money=money)


def _write(sheet: Worksheet, values: Iterable[Any], *, money: Iterable[int] = (), bold: bool = False) -> None:
    """Add a row. Amounts are numbers with two decimals; every other text stays text."""
    from decimal import Decimal

    from openpyxl.styles import Font

    row, amounts = sheet.max_row + (1 if sheet.max_row > 1 or sheet["A1"].value is not None else 0), set(money)
    for place, value in enumerate(values):
        cell = sheet.cell(row, place + 1)
        if place in amounts and isinstance(value, str):
            cell.value, cell.number_format = Decimal(value), MONEY
        else:
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"
        if bold:
            cell.font = Font(bold=True)
    if not list(values) and row:
        sheet.cell(row, 1).value = ""
