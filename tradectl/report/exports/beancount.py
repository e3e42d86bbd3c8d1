"""Write the bookkeeping for beancount. Its lots have the id of their fill as a label; the last lines assert cash and shares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from tradectl.model.money import to_rupees
from tradectl.report.exports.bookkeeping import ACCOUNTS, CASH, SHARES, Bookkeeping, LotPart, Posting, Transaction


def beancount(bookkeeping: Bookkeeping) -> bytes:
    """Return the bookkeeping as the content of a `.beancount` file."""
    return "\n".join(_lines(bookkeeping)).encode() + b"\n"


def _lines(bookkeeping: Bookkeeping) -> Iterator[str]:
    first, last = bookkeeping.entries[0].day, max(item.day for item in bookkeeping.entries)
    yield ";; Written by tradectl. Amounts in INR."
    yield 'option "title" "tradectl"'
    yield 'option "operating_currency" "INR"'
    yield ""
    for account in ACCOUNTS:
        yield f"{first} open {account}"
    for symbol in bookkeeping.symbols:
        yield f"{first} commodity {commodity(symbol)}"
        yield f"  name: {_quoted(symbol)}"
    for entry in bookkeeping.entries:
        yield ""
        yield from _entry(entry)
    yield ""
    yield from _assertions(bookkeeping, last + timedelta(days=1))


def _entry(entry: Transaction) -> Iterator[str]:
    tags = "".join(f" #{tag}" for tag in entry.tags)
    yield f"{entry.day} * {_quoted(entry.text)}{tags}"
    for name, fact in entry.facts.items():
        yield f"  {name}: {_quoted(fact)}"
    for posting in entry.postings:
        yield f"  {posting.account}{_amount(posting)}"


def _amount(posting: Posting) -> str:
    if posting.part is not None:
        return f"  {_shares(posting.part)}"
    return "" if posting.amount is None else f"  {to_rupees(posting.amount)} INR"


def _shares(part: LotPart) -> str:
    price = f" @ {to_rupees(part.price)} INR" if part.price is not None else ""
    cost = f'{{{{{to_rupees(part.total)} INR, {part.bought}, "{part.lot}"}}}}' if part.quantity > 0 else f'{{"{part.lot}"}}'
    return f"{part.quantity} {commodity(part.symbol)} {cost}{price}"


def _assertions(bookkeeping: Bookkeeping, day: date) -> Iterator[str]:
    yield f"{day} balance {CASH}  {to_rupees(bookkeeping.cash)} INR"
    for symbol, quantity in bookkeeping.shares.items():
        yield f"{day} balance {SHARES}  {quantity} {commodity(symbol)}"


def commodity(symbol: str) -> str:
    """Return a symbol as beancount allows it: `M&M` becomes `M.26M`, and `3MINDIA` becomes `N-3MINDIA`.

    Beancount allows capital letters, digits and `. _ -`, with a letter first and a letter or digit last.
    """
    name = re.sub(r"[^A-Z0-9_-]", lambda found: f".{ord(found[0]):02X}", symbol.upper())
    return name if name[:1].isalpha() and len(name) > 1 else f"N-{name}"


def _quoted(text: str) -> str:
    """Return a text as a string of beancount, on one line."""
    return '"' + " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"') + '"'
