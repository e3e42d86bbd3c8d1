"""A tax P&L workbook in Zerodha's form, compared with our lots."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from tests.unit.tax.made import bought, sold
from tradectl.errors import DataError
from tradectl.exchange.rates import ZERODHA
from tradectl.papers.findings import Finding, Outcome
from tradectl.papers.tax_statement import compare_statement, read_statement
from tradectl.tax.account import AccountTax, account_tax

openpyxl = pytest.importorskip("openpyxl")
HEADER = (
    "Symbol", "ISIN", "Entry Date", "Exit Date", "Quantity", "Buy Value", "Sell Value", "Profit", "Period of Holding",
    "Fair Market Value", "Taxable Profit", "Turnover",
)  # fmt: skip
ROWS: list[tuple[Any, ...]] = [
    ("ACME", "INE000A01010", "2025-04-10", "2025-06-10", 6, 600, 750.30, 150.30, 61, 0, 150.30, 150.30),
    ("ACME", "INE000A01010", "2025-05-12", "2025-06-10", 4, 440, 500.20, 60.20, 29, 0, 60.20, 60.20),
]
SAME_DAY = ("NEW", "", "2025-07-01", "2025-07-01", 5, 500, "510.00", 10, 0, 0, 10, 10)
TRADES = [
    bought("2025-04-10", 6, "100"),
    bought("2025-05-12", 4, "110"),
    sold("2025-06-10", 10, "125.05"),
    bought("2025-07-01", 5, "100", instrument="NEW"),
    sold("2025-07-01", 5, "102", instrument="NEW"),
]


def workbook(exits: Sequence[Sequence[Any]], charges: Sequence[tuple[str, Any]] = (), *, sheet: str = "Tradewise Exits") -> bytes:
    """Return a workbook: a blank column first, a section for each kind, each with its header."""
    book = openpyxl.Workbook()
    first = book.active
    first.title = sheet
    first.append([None, "Client ID", "AB1234"])
    for title, rows in (("Equity - Short Term", exits[:-1]), ("Equity - Intraday", exits[-1:])):
        for row in ((), (None, title), (None, *HEADER), *((None, *row) for row in rows)):
            first.append(list(row))
    second = book.create_sheet("Equity")
    for row in (("Charges", None), ("Account Head", "Amount"), *charges):
        second.append([None, *row])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def ours() -> AccountTax:
    return account_tax(TRADES, [], {}, ZERODHA)


def compared(content: bytes) -> list[Finding]:
    return compare_statement(read_statement("tax.xlsx", content), ours(), lambda symbol, _: symbol)


def wrong(findings: list[Finding]) -> list[Finding]:
    return [item for item in findings if item.outcome is not Outcome.EQUAL]


def test_a_statement_like_our_lots_agrees() -> None:
    found = compared(workbook([*ROWS, SAME_DAY]))
    assert (len(found), wrong(found)) == (3, [])


def test_exits_of_one_lot_in_several_rows_are_added() -> None:
    parts = [
        ("ACME", "", date(2025, 4, 10), "2025-06-10", 2, 200, 250.10, 50.10, 0, 0, 0, 0),
        ("ACME", "", date(2025, 4, 10), "2025-06-10", 4, 400, 500.20, 100.20, 0, 0, 0, 0),
    ]
    assert wrong(compared(workbook([*parts, ROWS[1], SAME_DAY]))) == []


def test_each_kind_of_difference_is_found() -> None:
    other = (*ROWS[0][:5], 601, 750.30, 149.30, *ROWS[0][8:])
    stranger = ("OTHER", "", "2025-05-01", "2025-05-09", 1, 10, 11, 1, 8, 0, 1, 1)
    found = wrong(compared(workbook([other, stranger, SAME_DAY])))
    assert [(item.outcome, item.symbol, [part.field for part in item.differences]) for item in found] == [
        (Outcome.DIFFERS, "ACME", ["buy value", "profit value"]),
        (Outcome.MISSING_HERE, "OTHER", []),
        (Outcome.MISSING_THERE, "ACME", []),
    ]
    assert [part.by for part in found[0].differences] == [1_00, -1_00]


def test_the_yearly_charges_are_compared_by_kind() -> None:
    lines = ours().charges
    stt = sum(day.lines.stt for day in lines) / 100
    exchange = sum(day.lines.transaction + day.lines.ipft for day in lines) / 100
    charges = [
        ("Exchange Transaction Charges", exchange),
        ("Securities Transaction Tax", stt),
        ("Stamp Duty", 99.5),
        ("Other", 4),
    ]
    (found,) = wrong(compared(workbook([*ROWS, SAME_DAY], charges)))
    assert (found.line, found.differences[0].theirs) == ("stamp", "99.50")


def test_a_sale_without_a_purchase_is_named() -> None:
    tax = account_tax([*TRADES, sold("2025-08-01", 3, "9", instrument="LOST")], [], {}, ZERODHA)
    (found,) = wrong(compare_statement(read_statement("x", workbook([*ROWS, SAME_DAY])), tax, lambda symbol, _: symbol))
    assert (found.symbol, "no recorded purchase" in found.note) == ("LOST", True)


def test_another_workbook_is_refused() -> None:
    with pytest.raises(DataError, match="has no sheet 'Tradewise Exits'"):
        read_statement("x.xlsx", workbook([*ROWS, SAME_DAY], sheet="Sheet1"))
    with pytest.raises(DataError, match="is no Excel workbook"):
        read_statement("x.xlsx", b"PK\x03\x04 broken")


@pytest.mark.parametrize(
    ("place", "cell", "said"),
    [(2, "10/04/2025", "entry date '10/04/2025'"), (4, 1.5, "quantity 1.5"), (6, "much", "sell value 'much' is not a number")],
)
def test_a_bad_cell_is_named_with_its_row(place: int, cell: Any, said: str) -> None:
    row = [*ROWS[0]]
    row[place] = cell
    with pytest.raises(DataError, match="row 5") as refused:
        compared(workbook([row, SAME_DAY]))
    assert said in str(refused.value)
