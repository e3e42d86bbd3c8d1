"""Write the figures of a year as an Excel workbook for the accountant. Needs the extra `xlsx`.

Every text is stored as text, so that no cell of a paper becomes a formula.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
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
    first.title = "Summary"
    _summary(_Sheet(first), year)
    rules = [
        {"item": row.item, "since": row.since.isoformat(), "value": row.value, "unit": row.unit}
        | {"source": row.source, "unsure": "unsure" if row.unsure else ""}
        for row in all_rules()
    ]
    for title, rows in (
        ("Disposals", [_flat(item) for item in year["disposals"]]),
        ("Same day", [_flat(item) for item in year["speculative"]]),
        ("Lots held", [_flat(item) for item in lots]),
        ("Doubts", year["doubts"]),
        ("Rules", rules),
    ):
        sheet = book.create_sheet(title)
        _Sheet(sheet).table(rows)
        sheet.freeze_panes = "A2"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _summary(sheet: _Sheet, year: Mapping[str, Any]) -> None:
    sheet.row([f"Financial year {year['year']}"], bold=True)
    sheet.row([NOT_ADVICE])
    sheet.row([])
    sheet.table([{**{k: v for k, v in item.items() if k != "windows"}, **item["windows"]} for item in year["buckets"]])
    sheet.row([])
    for name in ("exemption", "exempt", "deemed_dividends", "dividends"):
        sheet.row([name.replace("_", " "), year[name]], money={1})
    for name, amount in year["pnl_bridge"].items():
        sheet.row([f"from pnl to gains: {name.replace('_', ' ')}", amount], money={1})
    for name, amount in year["charges"].items():
        sheet.row([f"charges {name.replace('_', ' ')}", amount], money={1})
    for name, amount in year["charge_lines"].items():
        sheet.row([f"all trades of the year: {name}", amount], money={1})


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value with nested charges and lists in columns of their own."""
    found: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, Mapping):
            found.update({f"{name} {key}": part for key, part in value.items()})
        else:
            found[name] = ", ".join(value) if isinstance(value, list) else value
    return found


class _Sheet:
    """Writes one sheet from the top."""

    def __init__(self, sheet: Worksheet) -> None:
        self._sheet = sheet
        self._last = 0

    def table(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add a table with the names of the columns above it."""
        if not rows:
            self.row(["none"])
            return
        names = list(rows[0])
        self.row([name.replace("_", " ") for name in names], bold=True)
        money = {place for place, name in enumerate(names) if name.rpartition(" ")[2] in _AMOUNTS}
        for row in rows:
            self.row([row[name] for name in names], money=money)

    def row(self, values: Sequence[Any], *, money: Collection[int] = (), bold: bool = False) -> None:
        """Add a row. Amounts are numbers with two decimals; every other text stays text."""
        from openpyxl.styles import Font

        self._last += 1
        for place, value in enumerate(values):
            cell = self._sheet.cell(self._last, place + 1)
            if place in money and isinstance(value, str):
                cell.value, cell.number_format = Decimal(value), MONEY
            else:
                cell.value = value
                if isinstance(value, str):
                    cell.data_type = "s"
            if bold:
                cell.font = Font(bold=True)
