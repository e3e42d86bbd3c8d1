"""Read charge lines of contract notes: a CSV with one line in each row, or Kite's `/charges/orders` as JSON.

    date,symbol,side,line,amount
    2025-06-02,,,STT,105
    2025-06-02,INFY,SELL,Stamp duty,0

`symbol` and `side` may be empty or missing: the line is then that of the whole day. Lines are named as on contract notes. Kite's
JSON has no date, so the caller gives it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import DataError
from tradectl.marketdata.importers.source import SourceFile
from tradectl.model.money import Paise, round_half_up
from tradectl.model.order import Side
from tradectl.model.symbols import spelled
from tradectl.papers.columns import Cells, plain, rows_of

NEEDED = {
    "date": ("trade_date", "session"),
    "line": ("charge", "description", "particulars"),
    "amount": ("value", "rupees", "charges"),
}
OTHER = {"symbol": ("tradingsymbol", "scrip"), "side": ("trade_type", "transaction_type")}
NAMES = {
    "brokerage": "brokerage",
    "stt": "stt", "securities_transaction_tax": "stt", "transaction_tax": "stt",
    "exchange": "exchange", "exchange_transaction_charges": "exchange", "transaction_charges": "exchange",
    "exchange_turnover_charge": "exchange", "exchange_charges": "exchange", "turnover_charges": "exchange",
    "transaction": "transaction",
    "ipft": "ipft", "nse_ipft": "ipft", "investor_protection_fund": "ipft",
    "sebi": "sebi", "sebi_turnover_fees": "sebi", "sebi_fees": "sebi", "sebi_charges": "sebi", "sebi_turnover_charge": "sebi",
    "stamp": "stamp", "stamp_duty": "stamp",
    "gst": "gst", "igst": "gst", "cgst": "gst", "sgst": "gst", "utgst": "gst",
    "dp": "dp", "dp_charges": "dp",
}  # fmt: skip
"""The line that each usual name means. GST may come in parts, which are added."""
_SIDES = {"": None, "buy": Side.BUY, "b": Side.BUY, "sell": Side.SELL, "s": Side.SELL}
KITE_TOLERANCE = {"stt": 50}
"""How many paise a line of Kite's own calculation may differ, because it rounds nothing; 1 for other lines."""


class ChargeLine(Struct, frozen=True):
    """One charge line of a paper. `amount` in paise; `symbol` empty and `side` None for the whole day.

    `order`: shares and value (paise) of the one order that the line is for; None for lines of a day.
    """

    row: int
    session: date
    symbol: str
    side: Side | None
    line: str
    amount: Paise
    order: tuple[int, Paise] | None = None

    @property
    def scope(self) -> tuple[date, str, str]:
        """Return what the line is for, as a sortable key."""
        return self.session, self.symbol, str(self.side or "")


def are_charge_lines(source: SourceFile) -> bool:
    """Return whether a file has the columns of charge lines."""
    names = {plain(column) for column in source.header}
    return all(not names.isdisjoint((name, *others)) for name, others in NEEDED.items())


def parse_charge_lines(source: SourceFile) -> list[ChargeLine]:
    """Return the lines of a file, with the parts of one line added. Raises DataError with file, row and field."""
    return added(_line(cells) for cells in rows_of(source, NEEDED, OTHER))


def parse_kite_json(name: str, text: str, session: date) -> list[ChargeLine]:
    """Return the lines of Kite's `/charges/orders`, one set for each order. Raises DataError for another JSON."""
    try:
        data = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        orders = data["data"] if isinstance(data, dict) else data
        found: list[ChargeLine] = []
        for number, order in enumerate(orders, 1):
            if order["exchange"] in {"NSE", "BSE"}:
                found += _lines_of_order(number, order, session)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise DataError(f"{name}: is not Kite's JSON of /charges/orders ({type(error).__name__}: {error})") from error
    return found


def added(lines: Iterable[ChargeLine]) -> list[ChargeLine]:
    """Return the lines with those of the same scope and name added, at the row of the first."""
    sums: dict[tuple[object, ...], ChargeLine] = {}
    for line in lines:
        key = (*line.scope, line.line)
        known = sums.get(key)
        sums[key] = line if known is None else replace(known, amount=known.amount + line.amount)
    return list(sums.values())


def _line(cells: Cells) -> ChargeLine:
    name = NAMES.get(plain(cells.text("line")))
    if name is None:
        raise cells.bad("line", f"is no charge line; known are {', '.join(sorted(set(NAMES.values())))}")
    side = cells.text("side").lower()
    if side not in _SIDES:
        raise cells.bad("side", "is not buy or sell")
    symbol = spelled(cells.text("symbol"))
    if side and not symbol:
        raise cells.bad("symbol", "is needed with a side")
    amount = cells.paise("amount")
    if amount < 0:
        raise cells.bad("amount", "is negative")
    return ChargeLine(cells.row, cells.day("date"), symbol, _SIDES[side], name, amount)


def _lines_of_order(number: int, order: Any, session: date) -> list[ChargeLine]:
    charges, quantity = order["charges"], int(order["quantity"])
    value = round_half_up(order["price"] * quantity * 100)
    side, symbol = Side(order["transaction_type"]), spelled(order["tradingsymbol"])
    names = ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "brokerage", "stamp_duty")
    amounts = {NAMES[name]: charges[name] for name in names} | {"gst": charges["gst"]["total"]}
    return [
        ChargeLine(number, session, symbol, side, line, round_half_up(amount * 100), (quantity, value))
        for line, amount in amounts.items()
    ]
