"""Read the tax P&L workbook of Zerodha and compare its exits and charges with ours. Needs the extra `xlsx`.

The sheet "Tradewise Exits" has a row for each exit, in sections with a header each; the sheet "Equity" has the year's charges by
kind (source: firstreports.in). Values of exits are without charges, as on our lots.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zipfile import BadZipFile

from msgspec import Struct

from tradectl.errors import ConfigurationError, DataError
from tradectl.model.money import Paise, round_half_up, to_rupees
from tradectl.model.symbols import spelled
from tradectl.papers.account_trades import FindInstrument
from tradectl.papers.charge_lines import NAMES
from tradectl.papers.columns import plain
from tradectl.papers.findings import Difference, Finding, Outcome
from tradectl.tax.account import AccountTax, sum_of
from tradectl.tax.rules import FinancialYear

EXITS, CHARGES = "Tradewise Exits", "Equity"
DAMAGED = (
    zlib.error, BadZipFile, struct.error, SyntaxError, LookupError, ValueError, TypeError, AttributeError, EOFError, OSError,
    RuntimeError, ArithmeticError,
)  # fmt: skip
"""What openpyxl raises for a damaged or encrypted workbook: it has no error of its own for that."""
COLUMNS = {
    "symbol": ("symbol",),
    "entry": ("entry_date",),
    "exit": ("exit_date",),
    "quantity": ("quantity",),
    "buy": ("buy_value",),
    "sell": ("sell_value",),
    "profit": ("profit", "p_l", "realized_p_l", "realised_p_l"),
}
Key = tuple[str, date, date]


@dataclass(slots=True)
class Exit:
    """All exits of one symbol, entry and exit date: shares, and values in paise. `row`: the first of them in the sheet."""

    row: int = 0
    symbol: str = ""
    quantity: int = 0
    buy: Paise = 0
    sell: Paise = 0
    profit: Paise = 0


class Statement(Struct, frozen=True):
    """A tax P&L: exits by symbol, entry and exit date, and the year's charges in paise by line."""

    name: str
    exits: Mapping[Key, Exit]
    charges: Mapping[str, Paise] = {}


def read_statement(name: str, content: bytes) -> Statement:
    """Return a workbook's exits and charges. Raises DataError with sheet, row and field; ConfigurationError without openpyxl."""
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise ConfigurationError("Excel files need openpyxl: pip install 'tradectl[xlsx]'") from error
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        names = {sheet.strip().lower(): sheet for sheet in book.sheetnames}
        sheets = {
            key: list(book[names[key]].iter_rows(values_only=True)) for key in (EXITS.lower(), CHARGES.lower()) if key in names
        }
    except DAMAGED as error:
        raise DataError(f"{name}: is no Excel workbook that can be read ({' '.join(str(error).split())[:100]})") from error
    if EXITS.lower() not in sheets:
        raise DataError(f"{name}: has no sheet {EXITS!r}, so it is no tax P&L; its sheets are {', '.join(book.sheetnames)[:200]}")
    return Statement(name, _exits(name, sheets[EXITS.lower()]), _charges(sheets.get(CHARGES.lower(), ())))


def compare_statement(statement: Statement, tax: AccountTax, find: FindInstrument) -> list[Finding]:
    """Return a finding for each exit of the statement, for each of ours in its financial years, and for each yearly charge."""
    if not statement.exits:
        return []
    years = {FinancialYear.of(key[2]) for key in statement.exits}
    theirs = {(find(symbol, exit_), entry, exit_): value for (symbol, entry, exit_), value in statement.exits.items()}
    ours, unknown = _ours(tax, years)
    findings = [_compared(statement.name, key, value, ours.get(key)) for key, value in theirs.items()]
    findings += [
        Finding(
            Outcome.MISSING_THERE, statement.name, 0, key[2], value.symbol, "exit", f"bought {key[1]}",
            note=f"{value.quantity} shares, profit {to_rupees(value.profit)}",
        )
        for key, value in ours.items()
        if key not in theirs
    ]  # fmt: skip
    findings += unknown_entries(statement.name, unknown)
    if len(years) == 1:
        findings += _yearly(statement, tax, years.pop())
    return findings


def unknown_entries(name: str, sales: Iterable[tuple[str, date, int]]) -> list[Finding]:
    """Return the findings of our sales without a recorded purchase."""
    note = "our sale has no recorded purchase: import the tradebook of that time"
    return [
        Finding(Outcome.MISSING_THERE, name, 0, day, symbol, "exit", "bought on an unknown day", note=f"{count} shares; {note}")
        for symbol, day, count in sales
    ]


def _ours(tax: AccountTax, years: Iterable[FinancialYear]) -> tuple[dict[Key, Exit], list[tuple[str, date, int]]]:
    """Return our exits of the years by key, and sales without a purchase."""
    wanted, found, unknown = set(years), defaultdict[Key, Exit](Exit), []
    for gain in tax.gains:
        item = gain.disposal
        if FinancialYear.of(item.sold) not in wanted or not item.quantity:  # a statement lists whole shares
            continue
        if item.lot.acquired is None:
            unknown.append((item.lot.symbol, item.sold, item.quantity))
        else:
            _add(
                found[(item.lot.instrument, item.lot.acquired, item.sold)],
                item.lot.symbol,
                item.quantity,
                item.lot.cost,
                item.proceeds,
            )
    for pair in tax.speculative:
        trade, day = pair.trade, pair.trade.sale.session
        if FinancialYear.of(day) in wanted:
            _add(found[(trade.sale.instrument, day, day)], trade.sale.symbol, trade.quantity, trade.cost, trade.proceeds)
    return dict(found), unknown


def _add(found: Exit, symbol: str, quantity: int, buy: Paise, sell: Paise) -> None:
    found.symbol = symbol
    found.quantity += quantity
    found.buy += buy
    found.sell += sell
    found.profit += sell - buy


def _compared(name: str, key: Key, theirs: Exit, ours: Exit | None) -> Finding:
    text = f"bought {key[1]}"
    if ours is None:
        note = f"{theirs.quantity} shares, profit {to_rupees(theirs.profit)}"
        return Finding(Outcome.MISSING_HERE, name, theirs.row, key[2], theirs.symbol, "exit", text, note=note)
    differences = [Difference("quantity", str(theirs.quantity), str(ours.quantity))] if theirs.quantity != ours.quantity else []
    for what in ("buy", "sell", "profit"):
        amounts = getattr(theirs, what), getattr(ours, what)
        if amounts[0] != amounts[1]:
            difference = amounts[0] - amounts[1]
            differences.append(Difference(f"{what} value", to_rupees(amounts[0]), to_rupees(amounts[1]), difference))
    outcome = Outcome.DIFFERS if differences else Outcome.EQUAL
    return Finding(outcome, name, theirs.row, key[2], theirs.symbol, "exit", text, tuple(differences))


def _yearly(statement: Statement, tax: AccountTax, year: FinancialYear) -> list[Finding]:
    """Compare the year's charges by kind."""
    lines = sum_of(day.lines for day in tax.charges if day.session in year)
    apart = "ipft" in statement.charges
    found: list[Finding] = []
    for name, theirs in statement.charges.items():
        own = ("transaction",) if apart else ("transaction", "ipft")
        ours = sum(getattr(lines, item) for item in (own if name == "exchange" else (name,)))
        differences = () if theirs == ours else (Difference("amount", to_rupees(theirs), to_rupees(ours), theirs - ours),)
        outcome = Outcome.DIFFERS if differences else Outcome.EQUAL
        note = "the year's charges of all trades; ours are by the table"
        found.append(
            Finding(
                outcome=outcome,
                paper=statement.name,
                row=0,
                session=year.last,
                symbol="",
                line=name,
                key=f"year {year}",
                differences=differences,
                note=note,
            )
        )
    return found


def _exits(name: str, rows: Iterable[Sequence[Any]]) -> dict[Key, Exit]:
    """Return the exits of a sheet. A section begins with a header row and ends with an empty one."""
    found: dict[Key, Exit] = defaultdict(Exit)
    places: dict[str, int] | None = None
    any_header = False
    for number, row in enumerate(rows, 1):
        header = _header(row)
        if header is not None:
            places, any_header = header, True
        elif places is not None:
            cells = {column: row[place] if place < len(row) else None for column, place in places.items()}
            if cells["symbol"] in {None, ""}:
                places = None
                continue
            _add_row(found, cells, f"{name} sheet {EXITS} row {number}", number)
    if not any_header:
        raise DataError(f"{name}: the sheet {EXITS} has no row with the names Symbol, Entry Date, Exit Date and Quantity")
    return dict(found)


def _add_row(found: dict[Key, Exit], cells: Mapping[str, Any], where: str, number: int) -> None:
    symbol = spelled(str(cells["symbol"]))
    key = symbol, _day(cells["entry"], where, "entry date"), _day(cells["exit"], where, "exit date")
    quantity = _number(cells["quantity"], where, "quantity")
    if quantity != int(quantity) or quantity <= 0:
        raise DataError(f"{where}: quantity {quantity} is not a whole number above 0")
    buy, sell, profit = (_paise(cells[name], where, f"{name} value") for name in ("buy", "sell", "profit"))
    of_key = found[key]
    of_key.row = of_key.row or number
    _add(of_key, symbol, int(quantity), buy, sell)
    of_key.profit += profit - (sell - buy)


def _header(row: Sequence[Any]) -> dict[str, int] | None:
    """Return the places of the columns, if a row names them."""
    names = [plain(str(cell)) if cell is not None else "" for cell in row]
    places = {
        column: next((place for place, name in enumerate(names) if name in spellings), -1)
        for column, spellings in COLUMNS.items()
    }
    return places if all(place >= 0 for place in places.values()) else None


def _charges(rows: Iterable[Sequence[Any]]) -> dict[str, Paise]:
    """Return the yearly charges: each row with the name of a charge line and an amount."""
    found: dict[str, Paise] = defaultdict(int)
    for label, amount in _labelled(rows):
        line = NAMES.get(re.sub(r"_z$", "", plain(label)))
        if line is not None:
            found[line] += round_half_up(amount * 100)
    return dict(found)


def _labelled(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, Decimal]]:
    """Yield the rows that are a text followed by a number."""
    for row in rows:
        cells = [cell for cell in row if cell is not None and cell != ""]
        if len(cells) >= 2 and isinstance(cells[0], str):
            try:
                yield cells[0], Decimal(str(cells[1]).replace(",", ""))
            except InvalidOperation:
                continue


def _day(cell: Any, where: str, what: str) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    from tradectl.marketdata.importers.stamps import read_date, why_no_date

    found = read_date(str(cell))
    if found is None:
        raise DataError(f"{where}: {what} {str(cell)!r} {why_no_date(str(cell))}")
    return found


def _number(cell: Any, where: str, what: str) -> Decimal:
    try:
        return Decimal(str(cell).replace(",", ""))
    except InvalidOperation as error:
        raise DataError(f"{where}: {what} {str(cell)!r} is not a number") from error


def _paise(cell: Any, where: str, what: str) -> Paise:
    """Return an amount of a workbook as paise, rounded: Excel stores floats."""
    return round_half_up(_number(cell, where, what) * 100)
