"""Write a bookkeeping for ledger-cli. Its lots have their cost and date; the last transaction asserts the cash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from tradectl.model.money import to_rupees
from tradectl.report.exports.bookkeeping import ACCOUNTS, CASH, ROUNDING, Bookkeeping, LotPart, Transaction
from tradectl.report.exports.plain_text import plain_text


def ledger_cli(bookkeeping: Bookkeeping) -> bytes:
    """Return the bookkeeping as the content of a `.ledger` file."""
    return plain_text(bookkeeping, _LedgerCli())


class _LedgerCli:
    indent = "    "

    def opening(self, bookkeeping: Bookkeeping) -> Iterator[str]:
        yield "; Written by tradectl. Amounts in INR."
        yield "commodity INR"
        yield "    format 1000.00 INR"
        for symbol in bookkeeping.symbols:
            yield f"commodity {_commodity(symbol)}"
        for account in ACCOUNTS:
            yield f"account {account}"
        names = {name for entry in bookkeeping.entries for name in (*entry.facts, *entry.tags)}
        for name in sorted(names):
            yield f"tag {name}"

    def heading(self, entry: Transaction) -> Iterator[str]:
        yield f"{entry.day:%Y/%m/%d} * {_one_line(entry.text)}"
        if entry.tags:
            yield f"    ; :{':'.join(entry.tags)}:"
        for name, fact in entry.facts.items():
            yield f"    ; {name}: {_one_line(fact)}"

    def shares(self, part: LotPart) -> str:
        """Return shares with their lot. A buy and a corporate action have the cost as price, so that they have no result."""
        unit = _decimal(part.unit)
        price = to_rupees(part.price) if part.price is not None else unit
        return f"{part.quantity} {_commodity(part.symbol)} {{{unit} INR}} [{part.bought:%Y/%m/%d}] @ {price} INR"

    def closing(self, bookkeeping: Bookkeeping, day: date) -> Iterator[str]:
        yield f"{day:%Y/%m/%d} * Cash by tradectl"
        yield f"    {CASH}  0.00 INR = {to_rupees(bookkeeping.cash)} INR"
        yield f"    {ROUNDING}"


def _decimal(unit: Fraction) -> str:
    """Return the cost of a share in rupees; with twelve decimals if it is not whole paise."""
    if unit.denominator == 1:
        return to_rupees(unit.numerator)
    with localcontext(prec=40):
        return str((Decimal(unit.numerator) / unit.denominator / 100).quantize(Decimal("1e-12")))


def _commodity(symbol: str) -> str:
    """Return a symbol in quotes: ledger allows only letters without them."""
    return f'"{symbol}"'


def _one_line(text: str) -> str:
    """Return a text on one line, without brackets: ledger would read a date in them as the date of the transaction."""
    return " ".join(text.split()).replace("[", "(").replace("]", ")")
