"""Write the bookkeeping for ledger-cli. Its lots have their cost and date; the last transaction asserts the cash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

from tradectl.model.money import to_rupees
from tradectl.report.exports.bookkeeping import ACCOUNTS, CASH, ROUNDING, Bookkeeping, LotPart, Posting, Transaction


def ledger_cli(bookkeeping: Bookkeeping) -> bytes:
    """Return the bookkeeping as the content of a `.ledger` file."""
    return "\n".join(_lines(bookkeeping)).encode() + b"\n"


def _lines(bookkeeping: Bookkeeping) -> Iterator[str]:
    last = max(item.day for item in bookkeeping.entries)
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
    for entry in bookkeeping.entries:
        yield ""
        yield from _entry(entry)
    yield ""
    yield f"{last + timedelta(days=1):%Y/%m/%d} * Cash by tradectl"
    yield f"    {CASH}  0.00 INR = {to_rupees(bookkeeping.cash)} INR"
    yield f"    {ROUNDING}"


def _entry(entry: Transaction) -> Iterator[str]:
    yield f"{entry.day:%Y/%m/%d} * {_one_line(entry.text)}"
    if entry.tags:
        yield f"    ; :{':'.join(entry.tags)}:"
    for name, fact in entry.facts.items():
        yield f"    ; {name}: {_one_line(fact)}"
    for posting in entry.postings:
        yield f"    {posting.account}{_amount(posting)}"


def _amount(posting: Posting) -> str:
    if posting.part is not None:
        return f"  {_shares(posting.part)}"
    return "" if posting.amount is None else f"  {to_rupees(posting.amount)} INR"


def _shares(part: LotPart) -> str:
    """Return shares with their lot. A buy and a corporate action have the cost as price, so that they have no result."""
    unit = _decimal(part.unit)
    price = to_rupees(part.price) if part.price is not None else unit
    return f"{part.quantity} {_commodity(part.symbol)} {{{unit} INR}} [{part.bought:%Y/%m/%d}] @ {price} INR"


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
